/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include "progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_IN_TURN 5u

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
		p->line_rate_bps = info.line_rate_bps;
		/* Virtual links state a speed that means nothing. */
		if (info.rate_bps == 0 && strcmp(p->driver, "net_memif") == 0)
			p->line_rate_bps = 0;
	}
}

static int measure(struct bench *b, bool bound, uint32_t round, uint32_t rounds, struct gw_err *err)
{
	struct measurement *m = malloc(sizeof(*m));
	struct progress progress;
	int rc;

	if (m == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	progress_begin(&progress, b->o, bound ? "bound" : "protocol", round, rounds, b->n_ports);
	sender_progress(b->sender, progress_show, &progress);
	rc = sender_measure(b->sender, bound, m, err);
	progress_end(&progress);
	if (rc == 0)
		result_of(m, b->port, b->n_ports, b->crc,
			bound ? &b->bound[b->n_bound++] : &b->protocol[b->n_protocol++]);
	if (rc == 0 && m->cut)
		rc = -EINTR;
	free(m);
	return rc;
}

int bench_run(struct bench *b, struct gw_err *err)
{
	uint32_t rounds = b->o->rounds != 0 ? b->o->rounds : b->o->bound ? ROUNDS_IN_TURN : 1;
	int rc = 0;

	describe_ports(b);
	b->protocol = calloc(rounds, sizeof(*b->protocol));
	b->bound = calloc(rounds, sizeof(*b->bound));
	if (b->protocol == NULL || b->bound == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < rounds && rc == 0; i++) {
		/* In turn, and who is first in turn too: what else the machine does meets both. */
		if (b->o->bound && i % 2 == 0)
			rc = measure(b, true, i, rounds, err);
		if (rc == 0)
			rc = measure(b, false, i, rounds, err);
		if (rc == 0 && b->o->bound && i % 2 == 1)
			rc = measure(b, true, i, rounds, err);
	}
	return rc == -EINTR && b->n_protocol + b->n_bound > 0 ? 0 : rc;
}

void bench_release(struct bench *b)
{
	free(b->protocol);
	free(b->bound);
}
