/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

#include "../unit/run.h"

int suite_run(struct rig *rig, const struct rig_conf *conf, const char *name, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = {
		{name, NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	int failed;

	if (rig_start(rig, conf) != 0)
		return 1;
	failed = run_suites(suites);
	rig_stop(rig);
	return failed;
}
