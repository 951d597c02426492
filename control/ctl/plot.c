/* SPDX-License-Identifier: BSD-3-Clause */
/* The gnuplot script of a report: above what each port carried, stacked, and how fast the guest
 * dirtied its memory, in one unit; below what remained to be sent. */
#include "plot.h"
#include "series.h"
#include "text.h"

#include <math.h>
#include <string.h>

#define PAGE_BITS (4096 * 8.0)

static const char *const colours[] = {
	"#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948", "#9c755f", "#ff9da7"};

struct plot {
	const json_t *report;
	FILE *f;
	struct series s;
};

/* In single quotes gnuplot expands nothing; a quote is doubled. */
static void quoted(FILE *f, const char *s)
{
	fputc('\'', f);
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			fputc('\'', f);
		fputc((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s, f);
	}
	fputc('\'', f);
}

/* $timeline: time, then the ports' rates summed up from the first, then what remains. */
static void timeline_data(const struct plot *p)
{
	fprintf(p->f, "$timeline << END\n");
	for (size_t b = 0; b < p->s.n_bins; b++) {
		double sum = 0;

		if (p->s.bins[b][SERIES_SAMPLES] == 0)
			continue;
		fprintf(p->f, "%.6g 0", ((double)b + 0.5) * p->s.bin_ms / p->s.time.size);
		for (size_t i = 0; i < p->s.n_ports; i++) {
			sum += p->s.bins[b][i] / p->s.rate.size;
			fprintf(p->f, " %.5g", sum);
		}
		fprintf(p->f, " %.5g\n", p->s.bins[b][SERIES_REMAINING] / p->s.bytes.size);
	}
	fprintf(p->f, "END\n");
}

/* $dirty: what an epoch's harvest gave was dirtied between its opening and the next one's, which is
 * longer than sending took. The highest rate in bit/s; below 0: no epoch. */
static double dirty_data(const struct plot *p)
{
	const json_t *epochs = json_object_get(p->report, "epochs"), *epoch;
	double top = -1;
	size_t i;

	fprintf(p->f, "$dirty << END\n");
	json_array_foreach(epochs, i, epoch)
	{
		double start = text_number(epoch, "start_ms", 0),
		       sent = start + text_number(epoch, "duration_ms", 0),
		       ms = text_number(json_array_get(epochs, i + 1), "start_ms", sent) - start;
		double bps =
			ms > 0 ? text_number(epoch, "dirty_pages", 0) * PAGE_BITS / ms * 1000 : 0;

		if (ms <= 0)
			continue;
		top = fmax(top, bps);
		fprintf(p->f, "%.6g %.5g\n%.6g %.5g\n", start / p->s.time.size,
			bps / p->s.rate.size, (start + ms) / p->s.time.size, bps / p->s.rate.size);
	}
	fprintf(p->f, "END\n");
	return top;
}

static void title(const struct plot *p)
{
	const json_t *r = p->report, *blackout = json_object_get(r, "blackout_ms");
	double ms = text_number(blackout, "source", text_number(blackout, "guest", -1));
	char line[6 * TEXT_CELL];

	snprintf(line, sizeof(line), "%s to %s: %s after %s%s%s", text_of(r, "vm").s,
		text_of(r, "peer").s, text_of(r, "result").s,
		text_ms(text_number(r, "total_ms", p->s.end_ms)).s, ms < 0 ? "" : ", blackout ",
		ms < 0 ? "" : text_ms(ms).s);
	fprintf(p->f, "set label 1 ");
	quoted(p->f, line);
	fprintf(p->f, " at screen 0.5,0.965 center font ',17'\n");
}

/* Bands behind both panels, every other one shaded, and the names above; a narrow phase's name
 * stands upright. */
static void phases(const struct plot *p)
{
	const json_t *list = json_object_get(p->report, "phases"), *phase;
	double room = 0;
	size_t i;

	json_array_foreach(list, i, phase)
	{
		double start = text_number(phase, "start_ms", 0) / p->s.end_ms;
		double width = text_number(phase, "duration_ms", 0) / p->s.end_ms;
		struct text name = text_of(phase, "name");

		if (!(start >= 0) || start > 1 || width < 0)
			continue;
		width = fmin(width, 1 - start);
		fprintf(p->f,
			"set object %zu rectangle from graph %.5f,0 to graph %.5f,1 behind "
			"fillcolor rgb '%s' "
			"fillstyle solid 1.0 noborder\n",
			i + 10, start, start + width, i % 2 == 0 ? "#eef1f5" : "#ffffff");
		fprintf(p->f, "set label %zu ", i + 10);
		quoted(p->f, name.s);
		if (width > 0.012 * (double)strlen(name.s)) {
			fprintf(p->f,
				" at graph %.5f,1.03 center font ',12' textcolor rgb '#555555'\n",
				start + width / 2);
		} else {
			room = fmax(room, start + width / 2);
			fprintf(p->f,
				" at graph %.5f,1.02 left rotate by 60 font ',11' textcolor rgb "
				"'#555555'\n",
				room);
			room += 0.02;
		}
	}
}

static void blackout(const struct plot *p)
{
	const json_t *list = json_object_get(p->report, "phases"), *phase;
	double ms = text_number(json_object_get(p->report, "blackout_ms"), "source", -1), start,
	       width;
	size_t i;

	json_array_foreach(list, i, phase)
	{
		if (strcmp(text_of(phase, "name").s, "switchover") != 0 || ms <= 0)
			continue;
		start = text_number(phase, "start_ms", 0) / p->s.end_ms;
		/* At least two pixels: it is what the picture is about. */
		width = fmax(ms / p->s.end_ms, 0.0025);
		fprintf(p->f,
			"set object 5 rectangle from graph %.5f,0 to graph %.5f,1 front fillcolor "
			"rgb '#d62728' "
			"fillstyle transparent solid 0.55 noborder\n",
			start, start + width);
		fprintf(p->f, "set label 5 ");
		quoted(p->f, text_format("blackout %s", text_ms(ms).s).s);
		fprintf(p->f, " at graph %.5f,0.94 %s front font ',13' textcolor rgb '#d62728'\n",
			start > 0.3 ? start - 0.006 : start + width + 0.006,
			start > 0.3 ? "right" : "left");
	}
}

static void port_name(const struct plot *p, size_t i)
{
	const json_t *ports = json_object_get(p->report, "ports");

	if (i < json_array_size(ports))
		quoted(p->f, text_of(json_array_get(ports, i), "name").s);
	else
		quoted(p->f, text_format("port %zu", i).s);
}

static void rates_panel(const struct plot *p, double dirty_bps)
{
	/* The name of the blackout stands in the room above. */
	double top_bps = fmax(fmax(p->s.top_bps, dirty_bps), 1) * 1.15;

	fprintf(p->f,
		"set tmargin at screen 0.87\nset bmargin at screen 0.42\n"
		"set ylabel '%s' offset 1\nset format x ''\nset yrange [0:%.6g]\nset key at screen "
		"0.842,0.875\nplot ",
		p->s.rate.name, top_bps / p->s.rate.size);
	/* The last port first, so that the legend has the order of the stack. */
	for (size_t i = p->s.n_ports; i-- > 0;) {
		fprintf(p->f,
			"$timeline using 1:%zu:%zu with filledcurves fillcolor rgb '%s' fillstyle "
			"solid "
			"0.85 noborder title ",
			i + 2, i + 3, colours[i % (sizeof(colours) / sizeof(colours[0]))]);
		port_name(p, i);
		fprintf(p->f, ", ");
	}
	if (dirty_bps >= 0)
		fprintf(p->f, "$dirty using 1:2 with lines linewidth 2 linecolor rgb '#222222' "
			      "dashtype 2 title "
			      "'dirtied by guest'\n");
	else
		fprintf(p->f, "NaN notitle\n");
}

static void remaining_panel(const struct plot *p)
{
	fprintf(p->f,
		"unset label\nunset object 5\n"
		"set tmargin at screen 0.36\nset bmargin at screen 0.10\n"
		"set ylabel '%s' offset 1\nset format x '%%g'\nset yrange [0:*]\nset key at screen "
		"0.842,0.365\nset xlabel 'time (%s)'\n"
		"plot $timeline using 1:%zu with filledcurves y1=0 fillcolor rgb '#8896a8' "
		"fillstyle solid 0.6 "
		"noborder title 'remaining'\n",
		p->s.bytes.name, p->s.time.name, p->s.n_ports + 3);
}

int plot_script(const json_t *report, FILE *f)
{
	struct plot p = {.report = report, .f = f};
	double dirty_bps;

	if (series_create(&p.s, report) < 0)
		return -1;
	timeline_data(&p);
	dirty_bps = dirty_data(&p);
	fprintf(f,
		"set terminal svg size 1100,640 noenhanced font 'Helvetica,13' background rgb "
		"'#ffffff'\n"
		"set multiplot\nset lmargin at screen 0.075\nset rmargin at screen 0.83\n"
		"set key left top Left reverse samplen 1.5 spacing 1.2\n"
		"set border 3 linecolor rgb '#888888'\nset tics nomirror textcolor rgb '#333333'\n"
		"set grid ytics linecolor rgb '#d5d9df' linewidth 0.7\nset xrange [0:%.6g]\n",
		p.s.end_ms / p.s.time.size);
	title(&p);
	phases(&p);
	blackout(&p);
	rates_panel(&p, dirty_bps);
	remaining_panel(&p);
	fprintf(f, "unset multiplot\n");
	series_free(&p.s);
	return ferror(f) ? -1 : 0;
}
