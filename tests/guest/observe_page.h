/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One page of guest memory that says from outside how the guest is doing. The guest writes it, the
 * host reads it in the file behind the guest's RAM. The same page is at the same file offset at
 * both ends of a migration.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define OBSERVE_MAGIC "GODWIT-OBSERVE-1" /* 16 bytes, without the terminating NUL */
#define OBSERVE_PAGE 4096u

struct observe_page {
	char magic[16];   /* written last, when the load runs */
	uint64_t counter; /* one more each millisecond that the guest runs */
	uint64_t work;    /* pages written since the load runs */
	uint64_t errors;  /* pages or disk blocks that did not hold what was written */
	uint64_t checks;  /* full passes over the checked memory */
};
_Static_assert(offsetof(struct observe_page, counter) == 16, "layout shared with the test bed");
_Static_assert(offsetof(struct observe_page, checks) == 40, "layout shared with the test bed");
_Static_assert(sizeof(struct observe_page) <= OBSERVE_PAGE, "it is one page");
