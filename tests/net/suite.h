/* SPDX-License-Identifier: BSD-3-Clause */
/* A program's tests, run one after the other over one rig. */
#pragma once

#include "rig.h"

#include <CUnit/CUnit.h>

/* Starts the rig, runs the tests (ended by CU_TEST_INFO_NULL), stops it. The exit code. */
int suite_run(struct rig *rig, const struct rig_conf *conf, const char *name, CU_TestInfo *tests);
