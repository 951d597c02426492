/* SPDX-License-Identifier: BSD-3-Clause */
#include "gnuplot.h"
#include "plot.h"

int plot_draw(const json_t *report, const char *path, char *error, size_t size)
{
	FILE *script = gnuplot_script();

	if (script == NULL) {
		snprintf(error, size, "no memory for the picture");
		return -1;
	}
	if (plot_script(report, script) < 0) {
		fclose(script);
		snprintf(error, size, "the report has no timeline to draw");
		return -1;
	}
	return gnuplot_draw(script, path, error, size);
}
