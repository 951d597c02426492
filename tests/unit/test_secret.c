/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane/base/secret.c: what the kernel says of the memory. */
#include "../../dataplane/base/secret.h"

#include "run.h"
#include "smaps.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB (1u << 20)

static bool is_zero(const uint8_t *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static void test_alloc(void)
{
	uint8_t *p = gw_secret_alloc(MIB + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_EQUAL((uintptr_t)p % 4096, 0);
	CU_ASSERT_TRUE(is_zero(p, MIB + 1));
	CU_ASSERT_TRUE(smaps_has_flag(p, "dd"));
	CU_ASSERT_TRUE(smaps_has_flag(p + MIB, "dd"));
	gw_secret_free(p);
	/* The kernel has it back. */
	CU_ASSERT_EQUAL(msync(p, 4096, MS_ASYNC), -1);
	CU_ASSERT_EQUAL(errno, ENOMEM);
	gw_secret_free(NULL);
	CU_ASSERT_PTR_NULL(gw_secret_alloc(SIZE_MAX));
	CU_ASSERT_PTR_NULL(gw_secret_alloc(SIZE_MAX - 5000));
}

static void test_grow(void)
{
	uint8_t *p = gw_secret_grow(NULL, 1), *q;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	p[0] = 7;
	for (size_t bytes = 4097; bytes < 64 * MIB; bytes *= 3) {
		q = gw_secret_grow(p, bytes);
		CU_ASSERT_PTR_NOT_NULL_FATAL(q);
		p = q;
		CU_ASSERT_EQUAL(p[0], 7);
		p[bytes - 1] = 1;
		CU_ASSERT_TRUE(smaps_has_flag(p + bytes - 1, "dd"));
	}
	q = gw_secret_grow(p, 5);
	CU_ASSERT_PTR_EQUAL(q, p);
	CU_ASSERT_PTR_NULL(gw_secret_grow(p, SIZE_MAX - 5000));
	CU_ASSERT_EQUAL(p[0], 7);
	gw_secret_free(p);
}

/* All of it is there, and the same as before. */
static void test_populate(void)
{
	uint8_t *p = gw_secret_alloc(MIB);
	unsigned char there[MIB / 4096];
	size_t n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	p[5000] = 7;
	gw_secret_populate(p, MIB);
	CU_ASSERT_EQUAL_FATAL(mincore(p, MIB, there), 0);
	for (size_t i = 0; i < sizeof(there); i++)
		n += there[i] & 1;
	CU_ASSERT_EQUAL(n, sizeof(there));
	CU_ASSERT_EQUAL(p[5000], 7);
	CU_ASSERT_EQUAL(p[MIB - 1], 0);
	gw_secret_free(p);
}

/* Locked memory may not grow beyond the limit; then it is kept unlocked. */
static void test_memlock(void)
{
	struct rlimit old, small = {2 * MIB, 2 * MIB};
	uint8_t *p, *q;

	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_MEMLOCK, &old), 0);
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_MEMLOCK, &small), 0);
	p = gw_secret_alloc(MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	CU_ASSERT_TRUE(smaps_has_flag(p, "lo"));
	q = gw_secret_grow(p, 32 * MIB);
	CU_ASSERT_PTR_NOT_NULL_FATAL(q);
	q[32 * MIB - 1] = 1;
	gw_secret_free(q);
	setrlimit(RLIMIT_MEMLOCK, &old);
}

static void test_file(void)
{
	static const size_t sizes[] = {0, 1, 5000, MIB};
	struct gw_secret_file f = {.fd = -1};
	struct rlimit old;

	gw_secret_file_close(&f);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t pages = (sizes[i] + 4095) / 4096;
		uint8_t byte = 0, *at;

		CU_ASSERT_EQUAL_FATAL(gw_secret_file_open(&f, "test", sizes[i]), 0);
		at = f.at;
		CU_ASSERT_TRUE(smaps_has_flag(at, "dd"));
		CU_ASSERT_TRUE(smaps_has_flag(at, "lo"));
		CU_ASSERT_EQUAL(smaps_kib(at, "Locked:"), (pages > 0 ? pages : 1) * 4);
		CU_ASSERT_TRUE(is_zero(at, f.bytes));
		at[f.bytes - 1] = 7;
		CU_ASSERT_EQUAL(pread(f.fd, &byte, 1, (off_t)f.bytes - 1), 1);
		CU_ASSERT_EQUAL(byte, 7);
		gw_secret_file_close(&f);
		CU_ASSERT_EQUAL(msync(at, 4096, MS_ASYNC), -1);
		CU_ASSERT_EQUAL(errno, ENOMEM);
		CU_ASSERT_PTR_NULL(f.at);
	}
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &old), 0);
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, old.rlim_max}), 0);
	CU_ASSERT_EQUAL(gw_secret_file_open(&f, "test", 1), -EMFILE);
	CU_ASSERT_PTR_NULL(f.at);
	setrlimit(RLIMIT_NOFILE, &old);
}

int main(void)
{
	CU_TestInfo tests[] = {{"alloc", test_alloc}, {"grow", test_grow},
		{"populate", test_populate}, {"memlock", test_memlock}, {"file", test_file},
		CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"secret", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
