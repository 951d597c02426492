/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * First accesses ahead of the poll cores. Mapped pages still cost theirs where a hypervisor shadows
 * the page tables: 7 us a page under PVM, next to nothing with nested paging.
 */
#pragma once

#include <stdint.h>

#define GW_PREFAULT_PAGE_BYTES 4096u

/* Reads a byte of each page; a page that is not mapped is faulted in as by any read. */
static inline void gw_prefault(const void *p, uint64_t bytes)
{
	const volatile uint8_t *at = p;

	for (uint64_t i = 0; i < bytes; i += GW_PREFAULT_PAGE_BYTES)
		(void)at[i];
}
