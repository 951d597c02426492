/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/base/log.c: one line for each call, whatever is in it. */
#include "../../dataplane/base/log.c"

#include "run.h"

#include <string.h>

static char got[4096];

static void logged(void (*call)(void))
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	call();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	got[fread(got, 1, sizeof(got) - 1, file)] = '\0';
	fclose(file);
}

static void hostile(void)
{
	gw_warn("QEMU says %s", "x\n00:00:00.000 all is well\033[2J\177 d\303\251j\303\240");
}

static void test_hostile(void)
{
	logged(hostile);
	CU_ASSERT_PTR_NOT_NULL(strstr(got, "warning: QEMU says x?00:00:00.000 all is well?[2J? "
					   "d\303\251j\303\240\n"));
	CU_ASSERT_PTR_EQUAL(strchr(got, '\n'), got + strlen(got) - 1);
}

static void wide(void)
{
	gw_error("%2000d", 1);
}

static void test_wide(void)
{
	logged(wide);
	CU_ASSERT(strlen(got) > 1000 && strlen(got) <= 1024);
	CU_ASSERT_PTR_EQUAL(strchr(got, '\n'), got + strlen(got) - 1);
}

static void quiet(void)
{
	gw_debug("not wanted");
	gw_log_set_level(GW_LOG_DEBUG);
	gw_debug("wanted");
	gw_log_set_level(GW_LOG_INFO);
}

static void test_levels(void)
{
	logged(quiet);
	CU_ASSERT_PTR_NULL(strstr(got, "not wanted"));
	CU_ASSERT_PTR_NOT_NULL(strstr(got, "debug: wanted\n"));
}

static void test_journal(void)
{
	setenv("JOURNAL_STREAM", "1:2", 1);
	logged(hostile);
	unsetenv("JOURNAL_STREAM");
	CU_ASSERT_EQUAL(strncmp(got, "<4>warning: QEMU says x?", 24), 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"what others wrote", test_hostile},
		{"a wide line", test_wide},
		{"levels", test_levels},
		{"journal", test_journal},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"log", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
