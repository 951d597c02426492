/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said about a session that no longer lives in this process: its record answers. */
#pragma once

#include "conn.h"

/* Answers a message about session id where an answer is due; others came late and are dropped.
 * settling: recovery is still at it, and may be ending its hypervisor. */
void gw_answer_for_ended(const char *run_dir, struct gw_conn *conn, enum gw_message_type type,
	const char *id, bool settling);
