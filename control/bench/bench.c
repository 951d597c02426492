/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include "progress.h"
#include "search.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_IN_TURN 5u
#define SEARCH_RESOLUTION 0.01

static const char *const kind_name[] = {[BENCH_PROTOCOL] = "protocol",
	[BENCH_BOUND] = "bound",
	[BENCH_FRESH] = "fresh",
	[BENCH_SEARCH] = "search"};

struct watch {
	struct bench *b;
	struct progress progress;
};

static void describe_ports(struct bench *b)
{
	b->n_ports = gw_dp_port_count(b->dp);
	for (uint32_t i = 0; i < b->n_ports; i++) {
		struct gw_dp_port_info info;
		struct result_port *p = &b->port[i];

		gw_dp_port_info(b->dp, i, &info);
		memcpy(p->name, info.name, sizeof(p->name));
		memcpy(p->driver, info.driver, sizeof(p->driver));
		p->mtu = info.mtu;
		p->ipv6 = !gw_ip_is_v4(&info.ip);
		p->line_rate_bps = info.line_rate_bps;
		/* Virtual links state a speed that means nothing. */
		if (facts_virtual(p->driver))
			p->line_rate_bps = info.rate_bps;
	}
}

static void add_sample(struct bench *b, double at_s, double bps)
{
	if (b->o->svg == NULL)
		return;
	if (b->n_samples == b->room_samples) {
		uint32_t room = b->room_samples * 2 + 256;
		struct bench_sample *s = realloc(b->sample, room * sizeof(*s));

		if (s == NULL)
			return; /* the plot ends here */
		b->sample = s;
		b->room_samples = room;
	}
	b->sample[b->n_samples++] = (struct bench_sample){b->begun_s + at_s, bps, b->kind};
}

static void on_progress(void *ctx, double seconds, const double *port_bps)
{
	struct watch *w = ctx;
	double sum = 0;

	for (uint32_t i = 0; i < w->b->n_ports; i++)
		sum += port_bps[i];
	add_sample(w->b, seconds, sum);
	progress_show(&w->progress, seconds, port_bps);
}

static void note_facts(struct bench *b, const struct measurement *m)
{
	double away = 0, all = 0;

	for (uint32_t i = 0; i < m->sender.n_workers; i++) {
		away += (double)m->sender.worker[i].away_cycles;
		all += (double)m->sender.worker[i].tsc;
	}
	if (all > 0)
		b->facts.away = fmax(b->facts.away, away / all);
	b->facts.missed += m->receiver.missed + m->sender.missed;
	b->facts.faults += m->receiver.faults + m->sender.faults;
	for (uint32_t i = 0; i < m->sender.n_queues; i++)
		b->facts.lost_packets += m->sender.queue[i].lost_packets;
}

/* One measurement into its series; which is -EINTR where Ctrl-C cut it. */
static int measure(struct bench *b, enum bench_kind kind, uint32_t round, uint32_t rounds,
	struct bench_series *series, struct gw_err *err)
{
	struct measurement *m = malloc(sizeof(*m));
	struct watch w = {.b = b};
	int rc;

	if (m == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	b->kind = kind;
	b->begun_s = b->n_samples != 0 ? b->sample[b->n_samples - 1].at_s + 0.1 : 0;
	progress_begin(&w.progress, b->o, kind_name[kind], round, rounds, b->n_ports);
	sender_progress(b->sender, on_progress, &w);
	if (kind == BENCH_FRESH)
		rc = sender_measure_fresh(
			b->sender, round % 2 == 0, m, &b->plain_bps[series->n], err);
	else
		rc = sender_measure(b->sender, kind == BENCH_BOUND, m, err);
	progress_end(&w.progress);
	if (rc == 0) {
		result_of(m, b->port, b->n_ports, gw_integrity_flags(b->integrity),
			&series->r[series->n++]);
		note_facts(b, m);
		rc = m->cut ? gw_err(err, -EINTR, "interrupted") : 0;
	}
	free(m);
	return rc;
}

static int make_series(struct bench_series *s, uint32_t n, struct gw_err *err)
{
	s->r = calloc(n, sizeof(*s->r));
	return s->r != NULL ? 0 : gw_err(err, -ENOMEM, "out of memory");
}

/* In turn, and who is first in turn too: what else the machine does meets both alike. */
static int run_rounds(struct bench *b, struct gw_err *err)
{
	const struct bench_options *o = b->o;
	uint32_t rounds = o->rounds != 0 ? o->rounds : o->bound || o->fresh ? ROUNDS_IN_TURN : 1;
	int rc = make_series(&b->protocol, rounds, err);

	if (rc == 0)
		rc = make_series(&b->bound, rounds, err);
	if (rc == 0)
		rc = make_series(&b->fresh, rounds, err);
	b->plain_bps = calloc(rounds, sizeof(*b->plain_bps));
	if (rc == 0 && b->plain_bps == NULL)
		rc = gw_err(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < rounds && rc == 0; i++) {
		if (o->fresh) {
			rc = measure(b, BENCH_FRESH, i, rounds, &b->fresh, err);
			continue;
		}
		if (o->bound && i % 2 == 0)
			rc = measure(b, BENCH_BOUND, i, rounds, &b->bound, err);
		if (rc == 0)
			rc = measure(b, BENCH_PROTOCOL, i, rounds, &b->protocol, err);
		if (rc == 0 && o->bound && i % 2 == 1)
			rc = measure(b, BENCH_BOUND, i, rounds, &b->bound, err);
	}
	return rc;
}

static bool lossless(const struct result *r)
{
	return r->lost_packets == 0 && r->missed == 0;
}

/* Each port's full rate: its cap, or what it carried without one. Their sum. */
static double full_rates(const struct bench *b, const struct result *r, const uint64_t *cap_bps,
	double full[GW_DP_MAX_PORTS])
{
	double sum = 0;

	memset(full, 0, GW_DP_MAX_PORTS * sizeof(*full));
	for (uint32_t i = 0; i < r->n_queues; i++)
		full[r->queue[i].port] += r->queue[i].l1_bps;
	for (uint32_t i = 0; i < b->n_ports; i++) {
		if (cap_bps[i] != 0)
			full[i] = (double)cap_bps[i];
		sum += full[i];
	}
	return sum;
}

static int try_rate(struct bench *b, struct search *s, double rate, struct gw_err *err)
{
	uint32_t n = b->trials.n;
	int rc = measure(b, BENCH_SEARCH, n, n + 1, &b->trials, err);

	if (rc == 0) {
		b->trial[n] = (struct bench_trial){rate, lossless(&b->trials.r[n])};
		search_result(s, rate, b->trial[n].lossless);
	}
	return rc;
}

/* The first trial runs at the ports' own caps, or without: what is carried then is the upper end.
 * All ports are slowed down by the same share. */
static int run_search(struct bench *b, struct gw_err *err)
{
	double full[GW_DP_MAX_PORTS], sum, rate;
	uint64_t cap_bps[GW_DP_MAX_PORTS];
	struct gw_dp_port_info info;
	struct search s = {0};
	int rc = make_series(&b->trials, BENCH_MAX_TRIALS, err);

	for (uint32_t i = 0; i < b->n_ports; i++) {
		gw_dp_port_info(b->dp, i, &info);
		cap_bps[i] = info.rate_bps;
	}
	if (rc == 0)
		rc = try_rate(b, &s, 0, err);
	if (rc != 0)
		return rc;
	sum = full_rates(b, &b->trials.r[0], cap_bps, full);
	search_begin(&s, sum, SEARCH_RESOLUTION);
	b->trial[0].rate_bps = sum;
	search_result(&s, sum, b->trial[0].lossless);
	while (rc == 0 && sum > 0 && b->trials.n < BENCH_MAX_TRIALS && search_next(&s, &rate)) {
		for (uint32_t i = 0; i < b->n_ports; i++)
			gw_dp_port_set_rate(b->dp, i, (uint64_t)(full[i] * rate / sum));
		rc = try_rate(b, &s, rate, err);
	}
	for (uint32_t i = 0; i < b->n_ports; i++)
		gw_dp_port_set_rate(b->dp, i, cap_bps[i]);
	b->found_bps = s.low;
	return rc;
}

int bench_run(struct bench *b, struct gw_err *err)
{
	int rc;

	describe_ports(b);
	rc = b->o->search ? run_search(b, err) : run_rounds(b, err);
	b->drops = sender_drops(b->sender);
	facts_found_mtu(b->link, &b->facts);
	findings_of(&b->facts, &b->findings);
	if (rc == -EINTR && b->protocol.n + b->bound.n + b->fresh.n + b->trials.n > 0)
		return 0;
	return rc;
}

void bench_release(struct bench *b)
{
	free(b->protocol.r);
	free(b->bound.r);
	free(b->fresh.r);
	free(b->trials.r);
	free(b->plain_bps);
	free(b->sample);
	json_decref(b->drops);
}
