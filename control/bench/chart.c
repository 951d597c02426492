/* SPDX-License-Identifier: BSD-3-Clause */
/* The gnuplot script of a benchmark: the rate over time, and where the cycles go. */
#include "bench.h"

static const struct {
	const char *name, *colour;
} kinds[] = {[BENCH_PROTOCOL] = {"protocol", "#4e79a7"},
	[BENCH_BOUND] = {"bound", "#f28e2b"},
	[BENCH_FRESH] = {"into fresh memory", "#59a14f"},
	[BENCH_SEARCH] = {"search", "#b07aa1"}};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool has_samples(const struct bench *b, size_t kind)
{
	for (uint32_t i = 0; i < b->n_samples; i++)
		if (b->sample[i].kind == (enum bench_kind)kind)
			return true;
	return false;
}

/* A column for each kind; a gap where it was not measured. */
static void rates_data(const struct bench *b, FILE *f)
{
	fprintf(f, "$rates << END\n");
	for (uint32_t i = 0; i < b->n_samples; i++) {
		const struct bench_sample *s = &b->sample[i];

		if (i > 0 && s->kind != s[-1].kind)
			fputc('\n', f);
		fprintf(f, "%.3f", s->at_s);
		for (size_t k = 0; k < N_KINDS; k++) {
			if (s->kind == (enum bench_kind)k)
				fprintf(f, " %.5g", s->bps / 1e9);
			else
				fprintf(f, " NaN");
		}
		fputc('\n', f);
	}
	fprintf(f, "END\n");
}

static void cycles_row(const struct bench_series *s, const char *name, FILE *f)
{
	const struct result *r;

	if (s->n == 0)
		return;
	r = &s->r[result_median(s->r, s->n)];
	fprintf(f, "%s %.1f %.1f %.2f %.2f %.2f\n", name, r->sender.cycles_per_page,
		r->receiver.cycles_per_page, r->rtt_us[0], r->rtt_us[1], r->rtt_us[2]);
}

void bench_chart(const struct bench *b, FILE *f)
{
	const char *comma = "";

	rates_data(b, f);
	fprintf(f, "$cycles << END\n");
	cycles_row(&b->bound, "bound", f);
	cycles_row(&b->protocol, "protocol", f);
	cycles_row(&b->fresh, "fresh", f);
	cycles_row(&b->trials, "search", f);
	fprintf(f, "END\n");
	fprintf(f, "set terminal svg size 1100,640 noenhanced font 'Helvetica,13' background rgb "
		   "'#ffffff'\n"
		   "set multiplot\nset border 3 linecolor rgb '#888888'\n"
		   "set tics nomirror textcolor rgb '#333333'\n"
		   "set grid ytics linecolor rgb '#d5d9df' linewidth 0.7\n"
		   "set key outside right top Left reverse samplen 1.5\n"
		   "set size 1,0.55\nset origin 0,0.45\nset yrange [0:*]\n"
		   "set xlabel 'time (s), measurements one after the other'\n"
		   "set ylabel 'Gb/s of pages sent'\nplot ");
	for (size_t k = 0; k < N_KINDS; k++) {
		if (!has_samples(b, k))
			continue;
		fprintf(f,
			"%s$rates using 1:%zu with lines linewidth 2 linecolor rgb '%s' title '%s'",
			comma, k + 2, kinds[k].colour, kinds[k].name);
		comma = ", ";
	}
	fprintf(f, comma[0] == '\0' ? "NaN notitle\n" : "\n");
	fprintf(f,
		"set style data histograms\nset style histogram clustered gap 1\n"
		"set style fill solid 0.85 noborder\nset boxwidth 0.9\nunset xlabel\n"
		"set size 0.5,0.45\nset origin 0,0\nset ylabel 'cycles a page'\n"
		"plot $cycles using 2:xtic(1) linecolor rgb '#4e79a7' title 'source', "
		"'' using 3 linecolor rgb '#f28e2b' title 'destination'\n"
		"set origin 0.5,0\nset logscale y\nset yrange [1:*]\nset ylabel 'round trip (us)'\n"
		"plot $cycles using 4:xtic(1) linecolor rgb '#76b7b2' title 'p50', "
		"'' using 5 linecolor rgb '#edc948' title 'p90', "
		"'' using 6 linecolor rgb '#9c755f' title 'p99'\n"
		"unset multiplot\n");
}
