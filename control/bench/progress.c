/* SPDX-License-Identifier: BSD-3-Clause */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORTS_NAMED 4u

void progress_begin(struct progress *p, const struct bench_options *o, const char *what,
	uint32_t round, uint32_t rounds, uint32_t n_ports)
{
	memset(p, 0, sizeof(*p));
	p->what = what;
	p->round = round;
	p->rounds = rounds;
	p->n_ports = n_ports;
	p->total_s = o->fresh ? 0 : o->warmup_s + o->time_s;
	p->terminal = isatty(STDERR_FILENO);
}

static void print_ports(const struct progress *p)
{
	double sum = 0;

	for (uint32_t i = 0; i < p->n_ports; i++)
		sum += p->sum[i] / p->samples / 1e9;
	fprintf(stderr, "%.1f Gb/s", sum);
	if (p->n_ports < 2 || p->n_ports > PORTS_NAMED)
		return;
	for (uint32_t i = 0; i < p->n_ports; i++)
		fprintf(stderr, "%s%.1f", i == 0 ? " = " : " + ", p->sum[i] / p->samples / 1e9);
}

void progress_show(void *ctx, double seconds, const double *port_bps)
{
	struct progress *p = ctx;

	for (uint32_t i = 0; i < p->n_ports; i++)
		p->sum[i] += port_bps[i];
	p->samples++;
	if (!p->terminal && seconds - p->said_s < 1)
		return;
	p->said_s = seconds;
	fprintf(stderr, "%s%s %u/%u  %.1f", p->terminal ? "\r\033[K" : "", p->what, p->round + 1,
		p->rounds, seconds);
	if (p->total_s > 0)
		fprintf(stderr, " of %.1f", p->total_s);
	fprintf(stderr, " s  ");
	print_ports(p);
	p->open = p->terminal;
	if (!p->terminal)
		fputc('\n', stderr);
	fflush(stderr);
	memset(p->sum, 0, sizeof(p->sum));
	p->samples = 0;
}

void progress_end(struct progress *p)
{
	if (p->open)
		fprintf(stderr, "\r\033[K");
	p->open = false;
}
