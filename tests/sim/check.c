/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"

#include "../../control/run.h"
#include "../../dataplane/wire/bytes.h"
#include "breaks.h"
#include "daemon.h"
#include "guest.h"
#include "seals.h"

#include <string.h>

#define KEYS 4096u
#define WINDOW 8192u

/* The packet numbers of one path and direction. */
struct numbers {
	uint64_t key;
	bool used;
	uint64_t largest;
	uint64_t seen[WINDOW / 64];
};
static struct numbers numbers[KEYS];
static uint32_t used_keys;

static struct numbers *numbers_of(uint64_t key)
{
	uint32_t i = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 40) % KEYS;

	while (numbers[i].used && numbers[i].key != key)
		i = (i + 1) % KEYS;
	if (!numbers[i].used && used_keys++ == KEYS - 1)
		sim_broken("more than %u paths", KEYS);
	numbers[i].used = true;
	numbers[i].key = key;
	return &numbers[i];
}

/* No packet number is used twice on a path and direction. REPLY has none of its own. */
static void check_number(uint16_t port, const gw_packet *p)
{
	uint32_t header = sim_header(p);
	const uint8_t *w = gw_packet_data(p) + header;
	uint8_t type = w[0] & 15;
	struct numbers *n;
	uint64_t psn, key;

	if (header == 0 || p->bytes < header + sizeof(struct gw_wire_common) ||
		type == GW_WIRE_REPLY)
		return;
	/* Who sends, towards which slot, with which key: ACKs and what they acknowledge go to
	 * different hosts. */
	key = (uint64_t)gw_get32(w + 4) << 24 | (uint64_t)gw_get16(w + 2) << 8 |
	      (type == GW_WIRE_ACK ? 1 : 0);
	psn = (uint64_t)gw_get16(w + 8) << 32 | gw_get32(w + 10);
	n = numbers_of(key);
	(void)port;
	if (psn + WINDOW <= n->largest) {
		sim_broken("packet number %llu comes after %llu", (unsigned long long)psn,
			(unsigned long long)n->largest);
		return;
	}
	if (psn >= n->largest + WINDOW) {
		memset(n->seen, 0, sizeof(n->seen));
		n->largest = psn;
	}
	for (; n->largest < psn; n->largest++)
		n->seen[(n->largest + 1) % WINDOW / 64] &=
			~(UINT64_C(1) << ((n->largest + 1) % 64));
	if (n->seen[psn % WINDOW / 64] >> (psn % 64) & 1)
		sim_broken("packet number %llu is used twice on slot %u, key %08x, type %u",
			(unsigned long long)psn, gw_get16(w + 2), gw_get32(w + 4), type);
	n->seen[psn % WINDOW / 64] |= UINT64_C(1) << (psn % 64);
}

void sim_check_reset(void)
{
	memset(numbers, 0, sizeof(numbers));
	used_keys = 0;
	sim_seals_reset();
	sim_net_watch(check_number);
}

/* ---- the fence ---- */

int __wrap_gw_dp_poll_event(struct gw_dp *dp, struct gw_dp_event *ev);
int __real_gw_dp_poll_event(struct gw_dp *dp, struct gw_dp_event *ev);

static struct sim_event late_store;

static void store_late(void *ctx)
{
	struct sim_instance *i = ctx;

	i->at[0][SIM_PAGE / 2] ^= 1;
}

int __wrap_gw_dp_poll_event(struct gw_dp *dp, struct gw_dp_event *ev)
{
	int rc = __real_gw_dp_poll_event(dp, ev);
	struct sim_instance *i = NULL;

	if (rc != 1 || ev->type != GW_DP_FENCED)
		return rc;
	for (uint32_t h = 0; h < sim_hosts(); h++)
		if (sim_daemon_dp(h) == dp)
			i = sim_instance_find(h, ((const struct gw_run *)ev->ctx)->vm);
	if (i == NULL)
		return rc;
	i->fenced = true;
	i->fence_hash = sim_instance_hash(i);
	if (sim_breaks(SIM_BREAK_LATE_STORE))
		sim_after(&late_store, 500000, store_late, i);
	return rc;
}

/* ---- what a packet's pages became ---- */

enum gw_apply __wrap_gw_sink_apply(
	struct gw_sink *s, uint32_t core, const struct gw_wire_packet *p);
enum gw_apply __real_gw_sink_apply(
	struct gw_sink *s, uint32_t core, const struct gw_wire_packet *p);

static uint64_t pages_in(const struct gw_wire_packet *p)
{
	uint32_t page, count;
	uint64_t sum = 0;

	if (p->data.encoding == GW_WIRE_RAW)
		return p->data.fragment == GW_WIRE_WHOLE ? p->data.length / GW_WIRE_PAGE_BYTES : 1;
	for (unsigned int i = 0; i < p->data.length / sizeof(struct gw_wire_run); i++) {
		gw_wire_run_get(p->data.payload, i, &page, &count);
		sum += count;
	}
	return sum;
}

/* Each page of an accepted packet is applied or superseded; of a refused one nothing is. */
enum gw_apply __wrap_gw_sink_apply(struct gw_sink *s, uint32_t core, const struct gw_wire_packet *p)
{
	const struct gw_sink_tally before = s->tally[core], *after = &s->tally[core];
	enum gw_apply verdict = __real_gw_sink_apply(s, core, p);
	uint64_t superseded = after->superseded - before.superseded;
	uint64_t pages = after->pages - before.pages, bytes = after->bytes - before.bytes;
	uint64_t applied = pages + after->zero_pages - before.zero_pages + after->hole_pages -
			   before.hole_pages;

	/* Of a page in fragments the first one counts. */
	if (p->data.encoding == GW_WIRE_RAW && p->data.fragment != GW_WIRE_WHOLE)
		applied = bytes != 0;
	if (applied + superseded != (verdict == GW_APPLY_DONE ? pages_in(p) : 0))
		sim_broken("of %llu pages %llu were applied and %llu superseded",
			(unsigned long long)pages_in(p), (unsigned long long)applied,
			(unsigned long long)superseded);
	return verdict;
}

/* ---- where the guest is ---- */

void sim_check_end(uint32_t host, const char *vm, bool completed)
{
	for (uint32_t n = 0; n < sim_vms(); n++) {
		const struct sim_vm *v = sim_vm(n);
		const struct sim_instance *r = sim_runner(v);

		if (strcmp(v->name, vm) != 0 || v->lost)
			continue;
		if (r == NULL)
			sim_broken("the session of %s %s, and the guest runs nowhere", vm,
				completed ? "is completed" : "has ended");
		else if (completed && r->host == host)
			sim_broken(
				"the session of %s is completed, and the guest runs at the source",
				vm);
		else if (!completed && r->host != host)
			sim_broken("the session of %s has failed, and the guest runs on host %u",
				vm, r->host);
	}
}

/* ---- counters ---- */

static void check_cable(uint16_t port, const struct sim_cable *c)
{
	if (c->frames != c->passed + c->lost + c->lost_cut + c->lost_queue + c->lost_mtu)
		sim_broken("a cable of port %u: %llu frames went in", port,
			(unsigned long long)c->frames);
}

static void check_frames(void)
{
	uint64_t left_up = 0, copies = 0, into_down = 0, unknown = 0;

	for (uint16_t i = 0; i < sim_net_ports(); i++) {
		const struct sim_port_counters *n = sim_net_counters(i);
		const struct sim_cable *up = sim_net_up(i), *down = sim_net_down(i);

		check_cable(i, up);
		check_cable(i, down);
		if (n->sent != up->frames)
			sim_broken("port %u sent %llu frames, its cable got %llu", i,
				(unsigned long long)n->sent, (unsigned long long)up->frames);
		if (down->passed + down->doubled != n->received + n->missed + n->arriving)
			sim_broken("port %u: %llu frames came, %llu received, %llu missed", i,
				(unsigned long long)(down->passed + down->doubled),
				(unsigned long long)n->received, (unsigned long long)n->missed);
		left_up += up->passed + up->doubled;
		copies += n->copies;
		into_down += down->frames;
		unknown += n->unknown;
	}
	if (left_up + copies != into_down + unknown)
		sim_broken("the segments got %llu frames and gave %llu",
			(unsigned long long)(left_up + copies),
			(unsigned long long)(into_down + unknown));
}

/* Taken pages are settled, in a hand or outstanding; they never come back twice. */
static void check_sources(void)
{
	for (uint32_t h = 0; h < sim_hosts(); h++) {
		struct gw_dp *dp = sim_daemon_dp(h);

		for (uint32_t s = 0; dp != NULL && s < GW_DP_MAX_STREAMS; s++) {
			uint64_t taken = 0, settled = 0;

			for (uint32_t w = 0; dp->source[s] != NULL && w < dp->n_workers; w++) {
				taken += dp->source[s]->core.tally[w].taken;
				settled += dp->source[s]->core.tally[w].settled;
			}
			if (settled > taken)
				sim_broken("host %u: %llu pages were settled, %llu taken", h,
					(unsigned long long)settled, (unsigned long long)taken);
		}
	}
}

static void remark_drop(void *ctx, const char *name, uint64_t count)
{
	(void)ctx;
	sim_remark("    %s %llu", name, (unsigned long long)count);
}

/* For people who read a trace: what paths and workers are at. */
static void remark_paths(void)
{
	for (uint32_t h = 0; sim_tracing() && h < sim_hosts(); h++) {
		struct gw_dp *dp = sim_daemon_dp(h);

		for (uint32_t s = 0; dp != NULL && s < GW_DP_MAX_PATHS; s++) {
			const struct gw_path_out *p = dp->out[s];

			if (p == NULL)
				continue;
			sim_remark(
				"  host %u path %u: port %u core %u state %u, sent %llu, in flight "
				"%llu, lost %llu, srtt %.3f ms, credit left %lld, phase %u, window "
				"%llu kB, %.3f Gb/s",
				h, s, p->queue->port_index, p->core, p->state,
				(unsigned long long)p->tx.next_psn,
				(unsigned long long)p->tx.inflight_packets,
				(unsigned long long)p->tx.lost_packets, (double)p->tx.srtt_ns / 1e6,
				(long long)(p->tx.credit - p->tx.spent_bytes), p->tx.rate.phase,
				(unsigned long long)p->tx.rate.window_bytes / 1000,
				gw_rate_bw(&p->tx.rate) * 8 / 1e9);
		}
		if (dp == NULL)
			continue;
		sim_remark("  host %u drops:", h);
		gw_dp_drops(dp, remark_drop, NULL);
	}
}

void sim_check_all(void)
{
	char text[128];

	remark_paths();

	check_frames();
	check_sources();
	sim_seals_check();
	for (uint32_t n = 0; n < sim_vms(); n++) {
		const struct sim_instance *r = sim_runner(sim_vm(n));

		if (r != NULL && !sim_instance_true(r, text, sizeof(text)))
			sim_broken("%s runs on host %u with wrong memory: %s", sim_vm(n)->name,
				r->host, text);
	}
}

void sim_check_rest(void)
{
	for (uint32_t n = 0; n < sim_instances(); n++) {
		const struct sim_instance *i = sim_instance(n);

		if (i->alive && i->incoming && sim_daemon_alive(i->host) && !sim_instance_empty(i))
			sim_broken("%s waits on host %u, no session is left, and its memory holds "
				   "data",
				i->vm->name, i->host);
	}
}
