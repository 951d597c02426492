/* SPDX-License-Identifier: BSD-3-Clause */
/* control/ctl/: what is printed and drawn, without a daemon (text.c, progress.c, plot.c, series.c).
 */
#include "../../control/ctl/plot.h"
#include "../../control/ctl/progress.h"
#include "../../control/ctl/text.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

static void test_units(void)
{
	CU_ASSERT_STRING_EQUAL(text_bytes(0).s, "0 B");
	CU_ASSERT_STRING_EQUAL(text_bytes(1023).s, "1023 B");
	CU_ASSERT_STRING_EQUAL(text_bytes(1024).s, "1.00 KiB");
	CU_ASSERT_STRING_EQUAL(text_bytes(1.5 * (1 << 30)).s, "1.50 GiB");
	CU_ASSERT_STRING_EQUAL(text_bytes(1048575).s, "1.00 MiB");
	CU_ASSERT_STRING_EQUAL(text_rate(9.81e9).s, "9.81 Gb/s");
	CU_ASSERT_STRING_EQUAL(text_rate(100e9).s, "100 Gb/s");
	CU_ASSERT_STRING_EQUAL(text_rate(-1).s, "0 b/s");
	CU_ASSERT_STRING_EQUAL(text_ms(0.25).s, "0.2 ms");
	CU_ASSERT_STRING_EQUAL(text_ms(41.3).s, "41 ms");
	CU_ASSERT_STRING_EQUAL(text_ms(12345).s, "12.3 s");
	CU_ASSERT_STRING_EQUAL(text_ms(125000).s, "2 min 05 s");
	CU_ASSERT_STRING_EQUAL(text_ms(1e7).s, "2 h 46 min");
	CU_ASSERT_STRING_EQUAL(text_ms(-1).s, "-");
	CU_ASSERT_STRING_EQUAL(text_count(0).s, "0");
	CU_ASSERT_STRING_EQUAL(text_count(1234567).s, "1,234,567");
	CU_ASSERT_STRING_EQUAL(text_count(123456).s, "123,456");
}

static void test_strings_are_clean(void)
{
	json_t *j = json_pack("{s:s, s:i, s:n, s:s}", "a", "x\033[31m\n", "i", 5, "n", "e", "");

	CU_ASSERT_STRING_EQUAL(text_of(j, "a").s, "x?[31m?");
	CU_ASSERT_STRING_EQUAL(text_of(j, "i").s, "5");
	CU_ASSERT_STRING_EQUAL(text_of(j, "n").s, "-");
	CU_ASSERT_STRING_EQUAL(text_of(j, "e").s, "-");
	CU_ASSERT_STRING_EQUAL(text_of(j, "none").s, "-");
	CU_ASSERT_EQUAL(text_number(j, "a", 7), 7);
	json_decref(j);
}

static void test_wrap(void)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	fputs("ab: ", f);
	text_wrap(f, " one two  three\033 four", 4, 2, 12);
	fclose(f);
	CU_ASSERT_STRING_EQUAL(out, "ab: one two\n  three?\n  four\n");
	free(out);
}

static void test_table(void)
{
	struct table table = {.n_columns = 3, .align = "lrl"};
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	struct text *row = table_row(&table);

	row[0] = text_format("NAME");
	row[1] = text_format("N");
	row[2] = text_format("X");
	row = table_row(&table);
	row[0] = text_format("\303\244");
	row[1] = text_format("123");
	row[2] = text_format("y");
	table_print(&table, f);
	fclose(f);
	CU_ASSERT_STRING_EQUAL(out, "NAME    N  X\n\303\244     123  y\n");
	free(out);
}

static json_t *status(int n_ports)
{
	json_t *s = json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "phase", "precopy",
		"epoch", 12, "elapsed_ms", 12345.0, "remaining_bytes", 1.5e9, "total_bytes", 8e9,
		"dirty_rate_bps", 2.5e9, "predicted_blackout_ms", 42.0, "eta_ms", 4100.0);
	json_t *ports = json_array();

	for (int i = 0; i < n_ports; i++)
		json_array_append_new(
			ports, json_pack("{s:s, s:f}", "name",
				       i == 0 ? "a-rather-long-port-name" : "right", "bps", 9.6e9));
	json_object_set_new(s, "ports", ports);
	return s;
}

static void test_progress(void)
{
	char line[PROGRESS_LINE];
	json_t *s = status(2), *empty = json_object();

	progress_line(s, 200, line, sizeof(line));
	CU_ASSERT_STRING_EQUAL(line,
		"12.3 s  precopy 12  1.40 GiB left  dirty 2.50 Gb/s  a-rather-l 9.6 right 9.6 Gb/s"
		"  blackout ~42 ms  4.1 s to go");
	progress_line(s, 79, line, sizeof(line));
	CU_ASSERT_STRING_EQUAL(
		line, "precopy 12  1.40 GiB  dirty 2.5G  9.6+9.6 Gb/s  bo ~42 ms  eta 4.1 s");
	for (int ports = 0; ports <= 16; ports++) {
		json_t *many = status(ports);

		for (int width = 1; width < 200; width++) {
			progress_line(many, width, line, sizeof(line));
			CU_ASSERT_TRUE(strlen(line) <= (size_t)width);
			CU_ASSERT_EQUAL(strncmp(line, "12.3 s", 6) != 0 || width > 60, 1);
		}
		json_decref(many);
	}
	/* A port that is out is named; where none is left, that is what counts. */
	json_object_set_new(json_array_get(json_object_get(s, "ports"), 1), "up", json_false());
	progress_line(s, 200, line, sizeof(line));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "a-rather-l 9.6 right 9.6 DOWN Gb/s"));
	json_object_set_new(s, "ports_down_ms", json_integer(2500));
	progress_line(s, 200, line, sizeof(line));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "no port up for 2.5 s"));
	progress_line(empty, 79, line, sizeof(line));
	CU_ASSERT_STRING_EQUAL(line, "0.0 s  -");
	json_decref(s);
	json_decref(empty);
}

static char *script(const json_t *report, int *rc)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	*rc = plot_script(report, f);
	fclose(f);
	return out;
}

/* Names from a report stay inside their strings, and absurd numbers inside the picture. */
static void test_plot_script(void)
{
	static const char evil[] = "x'\n!touch /tmp/owned\n`id`\033";
	json_t *report = json_pack(
		"{s:s, s:s, s:[{s:s, s:f, s:f}, {s:s, s:f, s:f}], s:[{s:s}], s:{s:f}, "
		"s:[{s:i, s:[f], s:f}, {s:i, s:[f], s:f}, {s:f, s:[f]}, {s:i}]}",
		"vm", evil, "result", "completed", "phases", "name", evil, "start_ms", -5.0,
		"duration_ms", 1e300, "name", "switchover", "start_ms", 5.0, "duration_ms", 1e300,
		"ports", "name", evil, "blackout_ms", "source", 1.0, "timeline", "t_ms", 0,
		"ports_bps", 1e9, "remaining_bytes", 1e9, "t_ms", 10, "ports_bps", 2e9,
		"remaining_bytes", 1e6, "t_ms", -1e300, "ports_bps", 1e300, "t_ms", 7);
	json_t *none = json_object();
	int rc;
	char *out = script(report, &rc);

	CU_ASSERT_EQUAL(rc, 0);
	CU_ASSERT_PTR_NULL(strstr(out, "\n!touch"));
	CU_ASSERT_PTR_NOT_NULL(strstr(out, "'x''?!touch"));
	CU_ASSERT_PTR_NULL(strstr(out, "inf"));
	CU_ASSERT_PTR_NULL(strstr(out, "nan"));
	free(out);
	out = script(none, &rc);
	CU_ASSERT_EQUAL(rc, -1);
	free(out);
	json_decref(report);
	json_decref(none);
}

int main(void)
{
	CU_TestInfo tests[] = {{"units", test_units}, {"clean strings", test_strings_are_clean},
		{"wrap", test_wrap}, {"table", test_table}, {"progress", test_progress},
		{"plot script", test_plot_script}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"ctl_text", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
