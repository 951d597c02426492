/* SPDX-License-Identifier: BSD-3-Clause */
/* What every test program ends with. */
#pragma once

#include <CUnit/Basic.h>

/* The program's exit code. A suite whose setup fails has run none of its tests: that fails too. */
static inline int run_suites(CU_SuiteInfo *suites)
{
	unsigned int failed;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 2;
	CU_basic_run_tests();
	failed = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failed != 0;
}
