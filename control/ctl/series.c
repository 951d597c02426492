/* SPDX-License-Identifier: BSD-3-Clause */
#include "series.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BINS 900 /* more than there are pixels across is only a larger file */

static struct unit fitting(const struct unit *units, size_t n, double top)
{
	size_t i = 0;

	while (i + 1 < n && top >= units[i + 1].size)
		i++;
	return units[i];
}

static void choose_units(struct series *p)
{
	static const struct unit times[] = {{"ms", 1}, {"s", 1000}};
	static const struct unit rates[] = {{"kb/s", 1e3}, {"Mb/s", 1e6}, {"Gb/s", 1e9}};
	static const struct unit sizes[] = {{"KiB", 1024}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};

	p->time = fitting(times, 2, p->end_ms / 2);
	p->rate = fitting(rates, 3, p->top_bps);
	p->bytes = fitting(sizes, 3, p->top_bytes);
}

static void add_sample(struct series *p, const json_t *sample)
{
	const json_t *ports = json_object_get(sample, "ports_bps");
	double t = text_number(sample, "t_ms", 0);
	double *bin;

	if (!(t >= 0) || t > p->end_ms)
		return;
	bin = p->bins[(size_t)fmin(t / p->bin_ms, (double)(p->n_bins - 1))];
	for (size_t i = 0; i < p->n_ports; i++)
		bin[i] += json_number_value(json_array_get(ports, i));
	bin[SERIES_REMAINING] += text_number(sample, "remaining_bytes", 0);
	bin[SERIES_SAMPLES]++;
}

static void finish_bins(struct series *p)
{
	for (size_t b = 0; b < p->n_bins; b++) {
		double *bin = p->bins[b], samples = bin[SERIES_SAMPLES], sum = 0;

		for (size_t i = 0; i <= SERIES_REMAINING && samples > 0; i++)
			bin[i] /= samples;
		for (size_t i = 0; i < p->n_ports; i++)
			sum += bin[i];
		p->top_bps = fmax(p->top_bps, sum);
		p->top_bytes = fmax(p->top_bytes, bin[SERIES_REMAINING]);
	}
}

static int collect(struct series *p, const json_t *report)
{
	const json_t *timeline = json_object_get(report, "timeline"), *sample;
	size_t n = json_array_size(timeline), i;

	if (n < 2)
		return -1;
	json_array_foreach(timeline, i, sample)
	{
		size_t ports = json_array_size(json_object_get(sample, "ports_bps"));

		p->n_ports = ports > p->n_ports ? ports : p->n_ports;
		p->end_ms = fmax(p->end_ms, text_number(sample, "t_ms", 0));
	}
	p->n_ports = p->n_ports > SERIES_MAX_PORTS ? SERIES_MAX_PORTS : p->n_ports;
	if (!(p->end_ms > 0))
		return -1;
	p->n_bins = n < MAX_BINS ? n : MAX_BINS;
	p->bin_ms = p->end_ms / (double)p->n_bins;
	p->bins = calloc(p->n_bins, sizeof(*p->bins));
	if (p->bins == NULL)
		return -1;
	json_array_foreach(timeline, i, sample) add_sample(p, sample);
	finish_bins(p);
	return 0;
}

int series_create(struct series *series, const json_t *report)
{
	*series = (struct series){0};
	if (collect(series, report) < 0)
		return -1;
	choose_units(series);
	return 0;
}

void series_free(struct series *series)
{
	free(series->bins);
	series->bins = NULL;
}
