/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include "check.h"
#include "control_net.h"
#include "daemon.h"
#include "fds.h"
#include "guest.h"
#include "trouble.h"

#include <string.h>

#define MS 1000000ull
#define S 1000000000ull
#define MOVE_LOOK_NS (20 * MS)
/* A session's end may wait for a destination that is alone (30 s), and for hypervisors that hang.
 */
#define PATIENCE_NS (200 * S)
#define AFTERMATH_NS (250 * MS)
#define CHECK_NS (200 * MS)

static struct mover {
	uint32_t moves, tries;
} mover[SIM_MAX_VMS];
static struct sim_event moving, checking;
static uint64_t began_ns; /* the newest attempt */
static bool done;

/* ---- hosts ---- */

static void random_cable(struct sim_cable_conf *c, uint64_t line_bps, uint64_t rtt_ns,
	uint32_t trouble, bool guarded)
{
	c->delay_ns = rtt_ns / 4;
	if (!(trouble & SIM_TROUBLE_WIRE))
		return;
	if (sim_chance(0.3))
		c->jitter_ns = rtt_ns / 4 / (2 + sim_below(30));
	if (sim_chance(0.4))
		c->loss = sim_log_between(0.0001, 0.03);
	if (sim_chance(0.15)) {
		c->burst_begin = sim_log_between(0.0001, 0.005);
		c->burst_end = sim_log_between(0.01, 0.5);
		c->burst_loss = sim_log_between(0.2, 1);
	}
	if (sim_chance(0.2)) {
		c->reorder = sim_log_between(0.0005, 0.1);
		c->reorder_ns = (uint64_t)sim_log_between(2000, 3e6);
	}
	if (sim_chance(0.2))
		c->duplicate = sim_log_between(0.0005, 0.05);
	if (guarded && sim_chance(0.15))
		c->flip_bit = sim_log_between(0.0001, 0.01);
	if (guarded && sim_chance(0.1))
		c->truncate = sim_log_between(0.0001, 0.005);
	if (sim_chance(0.25)) {
		c->rate_bps = (uint64_t)((double)line_bps * sim_log_between(0.2, 1));
		c->queue_bytes =
			20000 + (uint64_t)((double)c->rate_bps / 8 * sim_log_between(20e-6, 5e-3));
		c->ecn_bytes = sim_chance(0.3) ? c->queue_bytes / 3 : 0;
	}
}

/* What all hosts share; each port then has its own trouble. */
struct fabric {
	uint32_t segments, mtu;
	enum gw_dp_integrity integrity; /* none: packets must not be damaged */
	bool ipv6[GW_DP_MAX_PORTS];
	uint64_t line_bps[GW_DP_MAX_PORTS], rtt_ns[GW_DP_MAX_PORTS];
};

static struct sim_port_conf ports[SIM_MAX_PORTS];

static void random_port(
	struct sim_plane_conf *pc, const struct fabric *f, uint32_t segment, uint32_t trouble)
{
	uint32_t n = pc->n_ports++, host = sim_hosts();
	struct sim_port_conf *c = &ports[sim_net_ports()];
	bool guarded = f->integrity != GW_DP_INTEGRITY_NONE;

	*c = (struct sim_port_conf){.host = host,
		.segment = segment,
		.mac = {2, 0, 0, 0, (uint8_t)segment, (uint8_t)(host + 1)},
		.queues = (uint16_t)pc->n_workers,
		.rx_descriptors = (uint16_t)(128u << sim_below(5)),
		.tx_descriptors = (uint16_t)(128u << sim_below(4)),
		.line_bps = f->line_bps[segment]};
	random_cable(&c->up, c->line_bps, f->rtt_ns[segment], trouble, guarded);
	random_cable(&c->down, c->line_bps, f->rtt_ns[segment], 0, guarded);
	pc->port[n].number = sim_net_add(c);
	pc->port[n].conf = c;
	pc->port[n].ip = f->ipv6[segment]
				 ? (struct gw_ip){UINT64_C(0xfd00) << 48 | segment, host + 1}
				 : gw_ip_from_v4(10u << 24 | segment << 8 | (host + 1));
	pc->port[n].prefix = f->ipv6[segment] ? 64 : 24;
	pc->port[n].mtu = f->mtu;
	pc->port[n].zero_copy = sim_chance(0.5);
	if (sim_chance(0.5))
		pc->port[n].rate_bps = (uint64_t)((double)c->line_bps * sim_log_between(0.3, 1));
}

static void describe(const struct sim_plane_conf *pc)
{
	sim_trace("host %u: %u workers, %s, work %llu ns, stalls %.1f/s of up to %llu us",
		sim_hosts(), pc->n_workers, gw_integrity_name(pc->integrity),
		(unsigned long long)pc->work_ns, pc->stalls_per_s,
		(unsigned long long)pc->stall_ns / 1000);
	for (uint32_t n = 0; n < pc->n_ports; n++) {
		const struct sim_port_conf *c = pc->port[n].conf;
		const struct sim_cable_conf *f = &c->up;

		sim_trace(
			"  port %u: segment %u, %s, %.2f Gb/s, cap %.2f, mtu %u, rx %u, tx %u, "
			"delay "
			"%.3f "
			"ms + %.3f, narrow %.2f Gb/s with %llu kB (ECN %llu), loss %.4f, bursts "
			"%.4f/%.3f/%.2f, reorder %.4f by %.3f ms, twice %.4f, flip %.4f, cut %.4f",
			pc->port[n].number, c->segment,
			gw_ip_is_v4(&pc->port[n].ip) ? "IPv4" : "IPv6", (double)c->line_bps / 1e9,
			(double)pc->port[n].rate_bps / 1e9, pc->port[n].mtu, c->rx_descriptors,
			c->tx_descriptors, (double)f->delay_ns / 1e6, (double)f->jitter_ns / 1e6,
			(double)f->rate_bps / 1e9, (unsigned long long)f->queue_bytes / 1000,
			(unsigned long long)f->ecn_bytes / 1000, f->loss, f->burst_begin,
			f->burst_end, f->burst_loss, f->reorder, (double)f->reorder_ns / 1e6,
			f->duplicate, f->flip_bit, f->truncate);
	}
}

static void random_host(const struct fabric *f, uint32_t trouble)
{
	struct sim_host_conf hc = {.verify = sim_chance(0.3),
		.blackout_limit_ms = (uint32_t)sim_log_between(10, 400),
		.max_total_s = sim_chance(0.5) ? 1 + sim_below(4) : 0,
		.switch_on_limit = sim_chance(0.5),
		.max_slowdown_percent = sim_below(100),
		.on_slowdown_limit = (enum gw_config_on_slowdown_limit)sim_below(3),
		.min_epoch_ms = (uint32_t)sim_log_between(5, 250),
		.sync_timeout_ms = (uint32_t)sim_log_between(300, 3000),
		.peer_timeout_ms = 3000,
		.ports_down_timeout_ms = (uint32_t)sim_log_between(300, 3000)};

	/* Without it a guest that writes faster than the wire would go on for ever. */
	if (hc.max_total_s == 0)
		hc.max_total_s = 8;
	hc.plane = (struct sim_plane_conf){.n_workers = 1 + sim_below(3),
		.integrity = f->integrity,
		.round_ns = 150,
		.work_ns = 200 + sim_below(1500)};
	if (trouble & SIM_TROUBLE_WORKERS && sim_chance(0.25)) {
		hc.plane.stalls_per_s = sim_log_between(1, 100);
		hc.plane.stall_ns = (uint64_t)sim_log_between(1e5, 2e7);
	}
	for (uint32_t s = 0; s < f->segments; s++)
		if (s == 0 || sim_chance(0.9))
			random_port(&hc.plane, f, s, trouble);
	hc.hooks = sim_chance(0.4);
	hc.hook_required = sim_chance(0.5);
	describe(&hc.plane);
	sim_host_add(&hc);
}

/* Mostly what hosts do unless they are told otherwise. */
static enum gw_dp_integrity random_integrity(void)
{
	static const enum gw_dp_integrity some[] = {GW_DP_AES_128_GCM, GW_DP_AES_128_GCM,
		GW_DP_AES_128_GCM, GW_DP_AES_256_GCM, GW_DP_CRC32C, GW_DP_INTEGRITY_NONE};

	return some[sim_below(sizeof(some) / sizeof(some[0]))];
}

static void random_hosts(uint32_t trouble)
{
	static const uint32_t mtus[] = {1500, 1500, 4500, 9000, 9000};
	struct fabric f = {.segments = 1 + sim_below(3),
		.mtu = mtus[sim_below(5)],
		.integrity = random_integrity()};
	uint32_t n = sim_chance(0.7) ? 2 : 3;
	uint64_t rtt_ns = (uint64_t)sim_log_between(20e3, sim_chance(0.8) ? 2e6 : 80e6);

	for (uint32_t s = 0; s < f.segments; s++) {
		f.line_bps[s] = (uint64_t)sim_log_between(5e8, 4e10);
		f.rtt_ns[s] = (uint64_t)((double)rtt_ns * sim_log_between(0.7, 1.5));
		f.ipv6[s] = sim_chance(0.4);
	}
	sim_control_reset(rtt_ns / 2 + 20000, 1000000000);
	while (n-- > 0)
		random_host(&f, trouble);
	for (n = 0; n < sim_hosts(); n++)
		sim_daemon_start(n);
}

/* ---- guests ---- */

static void random_vm(uint32_t trouble)
{
	struct sim_profile p = {
		.write_ns = sim_chance(0.1) ? 0 : (uint64_t)sim_log_between(1e5, 1e7),
		.burst_pages = 1 + sim_below(8),
		.cold = sim_log_between(0.01, 1),
		.sequential = sim_chance(0.2) ? 0.9 : 0,
		.zero = sim_chance(0.5) ? 0.2 : 0,
		.punch = sim_chance(0.4) ? sim_log_between(0.001, 0.1) : 0,
		.push = sim_chance(0.4),
		.ring_entries = 64u << sim_below(6),
		.n_rings = 1 + sim_below(3),
		.operation_ns = (uint64_t)sim_log_between(1e5, 2e7),
		.state_bytes = (uint32_t)sim_log_between(100, 200000),
		.save_writes = sim_chance(0.5) ? sim_below(20) : 0};
	uint64_t pages[SIM_MAX_REGIONS];
	uint32_t regions = 1 + sim_below(SIM_MAX_REGIONS), host = sim_below(sim_hosts());
	struct sim_vm *vm;

	for (uint32_t r = 0; r < regions; r++)
		pages[r] = (uint64_t)sim_log_between(16, 2500);
	p.hot_pages = (uint32_t)sim_log_between(4, 500);
	if (trouble & SIM_TROUBLE_HYPERVISORS && sim_chance(0.12))
		p.fails = sim_log_between(0.005, 0.1);
	if (trouble & SIM_TROUBLE_HYPERVISORS && sim_chance(0.1))
		p.hangs = sim_log_between(0.005, 0.05);
	vm = sim_vm_create(&p, pages, regions);
	sim_instance_create(vm, host, true, sim_log_between(0.1, 1));
	mover[sim_vms() - 1] = (struct mover){.moves = 1 + sim_below(2), .tries = 4};
}

/* ---- migrations ---- */

static bool busy(const struct sim_vm *vm)
{
	for (uint32_t h = 0; h < sim_hosts(); h++)
		if (!sim_daemon_alive(h) || sim_daemon_has(h, vm->name))
			return true;
	return false;
}

/* Begins what is to be moved next. True: this VM is through. */
static bool move(uint32_t n)
{
	struct sim_vm *vm = sim_vm(n);
	struct sim_instance *from = sim_runner(vm), *at;
	uint32_t to;

	if (vm->lost)
		return sim_now() - began_ns > 40 * S || !busy(vm);
	if (busy(vm) || from == NULL)
		return false;
	if (vm->moves >= mover[n].moves || mover[n].tries == 0)
		return true;
	do
		to = sim_below(sim_hosts());
	while (to == from->host);
	at = sim_instance_find(to, vm->name);
	/* One that loaded and never ran is of no use any more. */
	if (at != NULL && at->loaded)
		sim_instance_kill(at);
	if (at == NULL || !at->alive)
		sim_instance_create(vm, to, false, 0);
	mover[n].tries--;
	began_ns = sim_now();
	sim_daemon_migrate(from->host, vm, to);
	sim_trouble_session(from->host, to, vm);
	return false;
}

static void look_and_move(void *ctx)
{
	uint32_t through = 0;

	(void)ctx;
	for (uint32_t n = 0; n < sim_vms(); n++)
		through += move(n);
	done = through == sim_vms();
	if (sim_now() - began_ns > PATIENCE_NS)
		sim_broken("a session has not ended %llu s after its begin",
			(unsigned long long)(PATIENCE_NS / S));
	sim_after(&moving, MOVE_LOOK_NS, look_and_move, NULL);
}

static void check(void *ctx)
{
	(void)ctx;
	sim_check_all();
	/* Long waits are not worth as many looks. */
	sim_after(&checking, CHECK_NS * (1 + 4 * (sim_now() - began_ns) / S), check, NULL);
}

static void count(struct sim_outcome *out)
{
	out->completed = sim_results[GW_COMPLETED];
	out->not_completed = sim_results[GW_ABORTED] + sim_results[GW_FAILED];
	out->broken = sim_broken_text();
	out->digest = sim_digest();
	out->events = sim_events();
	out->virtual_ns = sim_now() - SIM_START_NS;
}

void sim_world_run(uint64_t seed, uint32_t trouble, struct sim_outcome *out)
{
	uint64_t until_ns;

	sim_reset(seed);
	sim_net_reset(true);
	sim_fds_reset();
	sim_check_reset();
	memset(mover, 0, sizeof(mover));
	done = false;
	began_ns = sim_now();
	random_hosts(trouble);
	for (uint32_t n = 1 + sim_below(3); n > 0; n--)
		random_vm(trouble);
	sim_trouble_reset(trouble);
	sim_after(&moving, MS, look_and_move, NULL);
	sim_after(&checking, CHECK_NS, check, NULL);
	while (!done && sim_step(UINT64_MAX))
		;
	/* What was late may still come, and must not matter. */
	until_ns = sim_now() + AFTERMATH_NS;
	while (sim_step(until_ns))
		;
	if (sim_broken_text() == NULL) {
		sim_check_all();
		sim_check_rest();
	}
	count(out);
	sim_trouble_reset(0);
	sim_hosts_reset();
	sim_guests_reset();
}
