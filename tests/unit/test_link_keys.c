/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/link_keys.c: the secret of a link is copied, and wiped with it. */
#include "run.h"
#include "wiped.h"

#include "../../dataplane/link_keys.c"

void gw_dp_command(
	struct gw_dp *dp, uint32_t worker, enum gw_command type, void *object, uint64_t value)
{
	(void)dp;
	(void)worker;
	(void)type;
	(void)object;
	(void)value;
}

static struct gw_dp dp;
static struct gw_dp_link link_of_dp = {.dp = &dp};
static struct gw_dp_link *const l = &link_of_dp;

static void test_copied_and_wiped(void)
{
	uint8_t secret[GW_DP_SECRET_BYTES] = "thirty-two bytes from TLS, once";
	struct gw_err err = {.text = ""};

	dp.conf.integrity = GW_DP_AES_128_GCM;
	n_given_back = n_not_wiped = 0;
	CU_ASSERT_EQUAL_FATAL(gw_link_secret(l, secret, &err), 0);
	secret[0] = 'T'; /* the caller's, who wipes it */
	CU_ASSERT_STRING_EQUAL((const char *)l->secret, "thirty-two bytes from TLS, once");
	gw_link_secret_free(l);
	CU_ASSERT_PTR_NULL(l->secret);
	CU_ASSERT_EQUAL(n_given_back, 1);
	CU_ASSERT_EQUAL(n_not_wiped, 0);
	gw_link_secret_free(l);
	CU_ASSERT_EQUAL(n_given_back, 1);
}

static void test_none(void)
{
	struct gw_err err = {.text = ""};

	dp.conf.integrity = GW_DP_AES_128_GCM;
	CU_ASSERT_EQUAL(gw_link_secret(l, NULL, &err), -EINVAL);
	CU_ASSERT_PTR_NULL(l->secret);
	dp.conf.integrity = GW_DP_CRC32C;
	CU_ASSERT_EQUAL(gw_link_secret(l, NULL, &err), 0);
	CU_ASSERT_PTR_NULL(l->secret);
}

int main(void)
{
	CU_TestInfo tests[] = {{"copied and wiped", test_copied_and_wiped}, {"none", test_none},
		CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"link keys", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
