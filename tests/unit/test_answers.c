/* SPDX-License-Identifier: BSD-3-Clause */
/* control/answers.c: what a record says to a source that asks, and what it does not say yet. */
#include "../../control/answers.c"
#include "run.h"

#include <stdlib.h>
#include <unistd.h>

#define ID "0b2a6ac0-8a3a-4f0e-9a3d-6a4f0e9a3d6a"

static char dir[] = "/tmp/godwit-answers-XXXXXX";
static enum gw_message_type said; /* HELLO: nothing */

const struct gw_peer *gw_conn_peer(const struct gw_conn *conn)
{
	(void)conn;
	return NULL;
}

const char *gw_peer_name(const struct gw_peer *peer)
{
	(void)peer;
	return "host-a";
}

void gw_conn_send(struct gw_conn *conn, enum gw_message_type type, json_t *body)
{
	(void)conn;
	json_decref(body);
	said = type;
}

static enum gw_message_type ask(enum gw_message_type type, bool settling)
{
	said = GW_MESSAGE_HELLO;
	gw_answer_for_ended(dir, NULL, type, ID, settling);
	return said;
}

static void keep(enum gw_record_step step)
{
	struct gw_record r = {.step = step, .id = ID, .vm = "vm1", .peer = "host-a"};
	struct gw_err err;

	CU_ASSERT_EQUAL_FATAL(gw_record_write(dir, &r, &err), 0);
}

static bool kept(void)
{
	struct gw_record r;

	return gw_record_read(dir, ID, &r) == 0;
}

static void test_outcome(void)
{
	gw_record_remove(dir, ID);
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ASK, false), GW_MESSAGE_UNKNOWN);
	keep(GW_STEP_STARTING);
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ASK, false), GW_MESSAGE_STARTING);
	ask(GW_MESSAGE_END, false);
	CU_ASSERT(kept());
	keep(GW_STEP_REFUSED);
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_GO, false), GW_MESSAGE_REFUSED);
	keep(GW_STEP_RUNNING);
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ASK, false), GW_MESSAGE_RUNNING);
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ABORT, false), GW_MESSAGE_RUNNING);
	ask(GW_MESSAGE_END, false);
	CU_ASSERT(!kept());
}

/* REFUSED is recorded before the hypervisor is ended, and said after it. */
static void test_settling(void)
{
	keep(GW_STEP_REFUSED);
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ASK, true), GW_MESSAGE_STARTING);
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ABORT, true), GW_MESSAGE_STARTING);
	ask(GW_MESSAGE_END, true);
	CU_ASSERT(kept());
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ABORT, false), GW_MESSAGE_ABORTED);
	CU_ASSERT(!kept());
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ASK, true), GW_MESSAGE_UNKNOWN);
}

/* A source need not wait for memory that is given back; the record goes when it is. */
static void test_giving_back(void)
{
	keep(GW_STEP_PREPARED);
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ASK, true), GW_MESSAGE_UNKNOWN);
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ABORT, true), GW_MESSAGE_ABORTED);
	CU_ASSERT(kept());
	CU_ASSERT_EQUAL(ask(GW_MESSAGE_ABORT, false), GW_MESSAGE_ABORTED);
	CU_ASSERT(!kept());
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"outcome", test_outcome},
		{"settling", test_settling},
		{"giving back", test_giving_back},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"answers", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};
	char path[64];
	int failed;

	if (mkdtemp(dir) == NULL)
		return 2;
	failed = run_suites(suites);
	gw_record_remove(dir, ID);
	snprintf(path, sizeof(path), "%s/sessions", dir);
	rmdir(path);
	rmdir(dir);
	return failed;
}
