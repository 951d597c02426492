/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig_wire.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/internal.h"
#include "../../dataplane/port/eal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t rig_events[8], rig_event_value[8];

uint64_t rig_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

struct gw_ip rig_ip(const struct rig_conf *conf, uint32_t port, char side)
{
	uint32_t host = side == 'a' ? 1 : 2;

	return conf->ipv6 ? (struct gw_ip){UINT64_C(0xfd00) << 48 | port, host}
			  : gw_ip_from_v4(0x0a000000u + port * 256 + host);
}

static int make_dp(const struct rig_conf *conf, char side, struct gw_dp **out)
{
	static char text[2 * RIG_MAX_PORTS][2][32];
	struct gw_dp_conf c = {
		.n_workers = conf->workers,
		.integrity = conf->integrity,
		.memory_mib = 256,
		.idle_sleep_us = 300000000, /* who is not woken makes the test time out */
		.n_ports = conf->ports,
	};
	struct gw_err err;
	int ret;

	for (uint32_t p = 0; p < conf->ports; p++) {
		char(*t)[32] = text[(side == 'b') * RIG_MAX_PORTS + p];

		snprintf(t[0], 32, "%c%u", side, p);
		snprintf(t[1], 32, "net_ring_%c%u", side, p);
		c.port[p] = (struct gw_dp_port_conf){
			.name = t[0],
			.device = t[1],
			.ip = rig_ip(conf, p, side),
			.prefix = conf->ipv6 ? 64 : 24,
			.mtu = conf->mtu,
			.rate_bps = conf->rate_bps,
			.standby = (conf->standby >> p & 1) != 0,
		};
	}
	ret = gw_dp_create(&c, out, &err);
	if (ret != 0)
		fprintf(stderr, "rig: side %c: %s\n", side, err.text);
	return ret;
}

static bool link_ready(void *ctx)
{
	struct gw_dp_link_status status;

	gw_dp_link_status(((struct rig *)ctx)->out, &status);
	return status.ready;
}

/* Before its workers have the paths. */
static void start_at(struct gw_dp_link *link, uint64_t first_psn)
{
	for (uint32_t i = 0; i < link->n; i++) {
		struct gw_tx_path *tx = &link->dp->out[link->slot[i]]->tx;

		tx->next_psn = tx->una = first_psn;
	}
}

static int connect_link(struct rig *rig, uint64_t first_psn)
{
	static const uint8_t secret[GW_DP_SECRET_BYTES] = "both ends know this";
	const struct gw_dp_path *path;
	struct gw_dp_host host;
	struct gw_err err = {""};
	uint32_t n;
	int ret;

	gw_dp_host(rig->b, &host);
	ret = gw_dp_link_plan(rig->a, &host, secret, &rig->out, &err);
	if (ret == 0) {
		start_at(rig->out, first_psn);
		path = gw_dp_link_paths(rig->out, &n);
		ret = gw_dp_link_accept(rig->b, path, n, secret, &rig->in, &err);
	}
	if (ret == 0) {
		path = gw_dp_link_paths(rig->in, &n);
		ret = gw_dp_link_start(rig->out, path, n, &err);
	}
	if (ret != 0)
		fprintf(stderr, "rig: link: %s\n", err.text);
	return ret;
}

int rig_start(struct rig *rig, const struct rig_conf *conf)
{
	struct gw_dp_conf eal = {.n_workers = 2 * conf->workers, .memory_mib = 768};
	const char *seed = getenv("GODWIT_SEED");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct gw_err err;
	int ret;

	memset(rig, 0, sizeof(*rig));
	rig->seed = seed != NULL ? strtoull(seed, NULL, 0) : gw_now_ns();
	printf("seed: GODWIT_SEED=%llu\n", (unsigned long long)rig->seed);
	fflush(stdout);
	for (uint32_t i = 0; i < eal.n_workers; i++)
		eal.worker_cpu[i] = i % (uint32_t)cpus;
	ret = gw_eal_start(&eal, &err);
	if (ret != 0) {
		fprintf(stderr, "rig: %s\n", err.text);
		return ret;
	}
	ret = rig_wire_join(conf);
	if (ret == 0)
		ret = make_dp(conf, 'a', &rig->a);
	if (ret == 0)
		ret = make_dp(conf, 'b', &rig->b);
	if (ret != 0)
		return ret;
	gw_dp_active(rig->a, true);
	gw_dp_active(rig->b, true);
	ret = rig_wire_start(rig);
	if (ret == 0)
		ret = connect_link(rig, conf->first_psn);
	if (ret == 0 && !rig_wait(rig, link_ready, rig)) {
		fprintf(stderr, "rig: the link did not come up\n");
		ret = -ETIMEDOUT;
	}
	return ret;
}

struct named {
	const char *name;
	uint64_t count;
};

static void take_drop(void *ctx, const char *name, uint64_t count)
{
	struct named *n = ctx;

	if (strcmp(n->name, name) == 0)
		n->count = count;
}

uint64_t rig_drops(const struct gw_dp *dp, const char *name)
{
	struct named n = {name, 0};

	gw_dp_drops(dp, take_drop, &n);
	return n.count;
}

static void print_drop(void *ctx, const char *name, uint64_t count)
{
	printf("  %s: %s %llu\n", (const char *)ctx, name, (unsigned long long)count);
}

void rig_stop(struct rig *rig)
{
	gw_dp_drops(rig->a, print_drop, (void *)(uintptr_t) "a");
	gw_dp_drops(rig->b, print_drop, (void *)(uintptr_t) "b");
	gw_dp_active(rig->a, false);
	gw_dp_active(rig->b, false);
	gw_dp_link_free(&rig->out);
	gw_dp_link_free(&rig->in);
	gw_dp_free(&rig->a);
	gw_dp_free(&rig->b);
	rig_wire_stop();
}

static void poll_events(struct gw_dp *dp)
{
	struct gw_dp_event ev;

	while (gw_dp_poll_event(dp, &ev) != 0) {
		rig_event_value[ev.type] = ev.value;
		rig_events[ev.type]++;
	}
}

bool rig_wait(struct rig *rig, bool (*fn)(void *ctx), void *ctx)
{
	uint64_t until_ns = gw_now_ns() + RIG_WAIT_NS;

	while (gw_now_ns() < until_ns) {
		poll_events(rig->a);
		poll_events(rig->b);
		if (fn(ctx))
			return true;
		usleep(200);
	}
	return false;
}
