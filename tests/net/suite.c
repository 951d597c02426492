/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

#include <CUnit/Basic.h>

int suite_run(struct rig *rig, const struct rig_conf *conf, const char *name, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = {
		{name, NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	unsigned int failures;

	if (rig_start(rig, conf) != 0)
		return 1;
	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 2;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	rig_stop(rig);
	return failures != 0;
}
