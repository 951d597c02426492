/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon.h"

#include "../../control/manager_internal.h"
#include "attendant.h"
#include "check.h"
#include "control_net.h"
#include "engine.h"
#include "fds.h"
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct host {
	struct sim_host_conf conf;
	struct sim_plane *plane;
	struct gw_loop *loop;
	struct gw_attendant *attendant;
	struct gw_manager *manager;
	struct gw_config config;
	uint32_t asked; /* VMs whose migration was asked for and not admitted yet, a bit each */
	char name[16], run_dir[64], vm_dir[32], listen[32];
	struct gw_config_peer peer[SIM_MAX_HOSTS];
	char peer_name[SIM_MAX_HOSTS][16], peer_address[SIM_MAX_HOSTS][32];
};

static struct host host[SIM_MAX_HOSTS];
static uint32_t hosts;
static char root[64];
uint32_t sim_results[4];

static void remove_root(void)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	if (root[0] != '\0' && system(command) != 0)
		fprintf(stderr, "simulator: %s stays behind\n", root);
}

static void forget_record(void *ctx, const struct gw_record *record)
{
	gw_record_remove(ctx, record->id);
}

void sim_hosts_reset(void)
{
	for (uint32_t i = 0; i < hosts; i++) {
		sim_daemon_kill(i);
		gw_record_each(host[i].run_dir, forget_record, host[i].run_dir);
	}
	hosts = 0;
	memset(sim_results, 0, sizeof(sim_results));
}

uint32_t sim_host_add(const struct sim_host_conf *conf)
{
	struct host *h = &host[hosts];

	if (root[0] == '\0') {
		snprintf(root, sizeof(root), "/dev/shm/godwit-sim-XXXXXX");
		if (mkdtemp(root) == NULL)
			abort();
		atexit(remove_root);
	}
	memset(h, 0, sizeof(*h));
	h->conf = *conf;
	snprintf(h->name, sizeof(h->name), "host%u", hosts);
	snprintf(h->run_dir, sizeof(h->run_dir), "%.40s/%u", root, hosts);
	mkdir(h->run_dir, 0700);
	snprintf(h->vm_dir, sizeof(h->vm_dir), "/sim/%u", hosts);
	snprintf(h->listen, sizeof(h->listen), SIM_ADDRESS, hosts);
	return hosts++;
}

uint32_t sim_hosts(void)
{
	return hosts;
}

static void configure(struct host *h)
{
	static char every[] = "*", *all[] = {every};
	const struct sim_host_conf *f = &h->conf;
	struct gw_config *c = &h->config;

	*c = (struct gw_config){.name = h->name,
		.run_dir = h->run_dir,
		.vm_dir = h->vm_dir,
		.report_dir = h->run_dir,
		.peers = h->peer};
	c->control.listen = h->listen;
	c->security = GW_CONFIG_OFF;
	c->dataplane.n_workers = f->plane.n_workers;
	c->dataplane.integrity =
		f->plane.integrity == GW_DP_CRC32C ? GW_CONFIG_CRC32C : GW_CONFIG_INTEGRITY_NONE;
	c->dataplane.populate_threads = 1;
	c->migration.verify = f->verify;
	c->migration.blackout_limit_ms = f->blackout_limit_ms;
	c->migration.max_total_s = f->max_total_s;
	c->migration.max_slowdown_percent = f->max_slowdown_percent;
	c->migration.on_slowdown_limit = f->on_slowdown_limit;
	c->migration.on_limit = f->switch_on_limit ? GW_CONFIG_SWITCHOVER : GW_CONFIG_ABORT;
	c->migration.min_epoch_ms = f->min_epoch_ms;
	c->migration.state_limit_mib = 1;
	c->migration.sync_timeout_ms = f->sync_timeout_ms;
	c->migration.peer_timeout_ms = f->peer_timeout_ms;
	c->migration.ports_down_timeout_ms = f->ports_down_timeout_ms;
	c->migration.after = "quit";
	c->hooks.required = f->hook_required;
	for (uint32_t i = 0; i < hosts; i++) {
		snprintf(h->peer_name[i], sizeof(h->peer_name[i]), "host%u", i);
		snprintf(h->peer_address[i], sizeof(h->peer_address[i]), SIM_ADDRESS, i);
		h->peer[i] = (struct gw_config_peer){
			h->peer_name[i], h->peer_address[i], {all, all, 1, 1}};
	}
	c->n_peers = hosts;
}

void sim_daemon_start(uint32_t n)
{
	struct host *h = &host[n];
	struct gw_err err = {.text = ""};

	sim_trace("godwitd starts on host %u", n);
	configure(h);
	sim_plane_create(&h->conf.plane, &h->plane);
	sim_control_caller(n);
	if (gw_loop_create(&h->loop) != 0)
		abort();
	h->attendant = sim_attendant(h->loop, h->conf.hooks);
	if (gw_manager_create(&(struct gw_manager_conf){.loop = h->loop,
				      .dp = sim_plane_dp(h->plane),
				      .config = &h->config,
				      .attendant = h->attendant},
		    &h->manager, &err) != 0) {
		fprintf(stderr, "simulator: host %u: %s\n", n, err.text);
		abort();
	}
}

void sim_daemon_kill(uint32_t n)
{
	struct host *h = &host[n];

	if (h->manager == NULL)
		return;
	sim_trace("godwitd ends on host %u", n);
	h->asked = 0;
	sim_loop_kill(h->loop);
	sim_plane_stop(h->plane);
	gw_manager_free(&h->manager);
	gw_attendant_free(&h->attendant);
	sim_plane_free(&h->plane);
	gw_loop_free(&h->loop);
}

void sim_daemon_away(uint32_t n, uint64_t ns, bool all)
{
	if (host[n].manager == NULL)
		return;
	sim_loop_away(host[n].loop, ns);
	if (all)
		sim_plane_away(host[n].plane, ns);
}

bool sim_daemon_alive(uint32_t n)
{
	return host[n].manager != NULL;
}

uint32_t sim_daemon_sessions(uint32_t n)
{
	return host[n].manager != NULL ? host[n].manager->runs : 0;
}

static uint32_t bit_of(const char *vm)
{
	for (uint32_t n = 0; n < sim_vms(); n++)
		if (strcmp(sim_vm(n)->name, vm) == 0)
			return 1u << n;
	return 0;
}

bool sim_daemon_has(uint32_t n, const char *vm)
{
	return host[n].manager != NULL &&
	       (host[n].asked & bit_of(vm) || gw_manager_find_vm(host[n].manager, vm) != NULL);
}

struct gw_dp *sim_daemon_dp(uint32_t n)
{
	return host[n].plane != NULL ? sim_plane_dp(host[n].plane) : NULL;
}

static void admitted(
	void *arg, struct gw_run *run, int code, const char *text, const json_t *reasons)
{
	struct sim_vm *vm = arg;

	(void)run;
	host[sim_control_current()].asked &= ~bit_of(vm->name);
	sim_trace("admission: %d %s (%zu reasons)", code, text, json_array_size(reasons));
}

void sim_daemon_migrate(uint32_t n, struct sim_vm *vm, uint32_t to)
{
	struct gw_migrate what;

	gw_manager_defaults(host[n].manager, &what);
	what.vm = vm->name;
	what.host = host[to].name;
	what.quit_after = true;
	sim_trace("migrate %s from host %u to host %u", vm->name, n, to);
	sim_control_caller(n);
	host[n].asked |= bit_of(vm->name);
	gw_manager_migrate(host[n].manager, &what, admitted, vm);
}

void sim_daemon_abort(uint32_t n, const char *vm)
{
	char id[GW_UUID_TEXT];

	sim_trace("abort %s on host %u", vm, n);
	sim_control_caller(n);
	gw_manager_abort(host[n].manager, NULL, vm, "aborted by the simulated user", id);
}

int __wrap_gw_report_write(const json_t *report, const char *dir, struct gw_err *err);

/* Each session's end is looked at: where the guest has to be. */
int __wrap_gw_report_write(const json_t *report, const char *dir, struct gw_err *err)
{
	const char *result = json_string_value(json_object_get(report, "result"));
	bool source = strcmp(json_string_value(json_object_get(report, "role")), "source") == 0;

	(void)dir;
	(void)err;
	if (result == NULL)
		return 0;
	if (source)
		sim_check_end(sim_control_current(),
			json_string_value(json_object_get(report, "vm")),
			strcmp(result, gw_result_name(GW_COMPLETED)) == 0);
	for (int r = GW_COMPLETED; r <= GW_FAILED; r++)
		if (source && strcmp(result, gw_result_name((enum gw_result)r)) == 0)
			sim_results[r]++;
	return 0;
}
