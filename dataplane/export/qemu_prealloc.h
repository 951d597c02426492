/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Huge pages for a destination whose memory is taken at its start (-incoming, prealloc=on): QEMU
 * takes it page by page, which godwitd would have to gather while a guest's pages arrive. A thread
 * of QEMU gathers it while QEMU waits for somebody to come.
 */
#pragma once

/* Begins where this QEMU is one. What fails is not told: the pages stay small. */
void gw_qemu_prealloc_start(void);
/* Somebody wants to fill the memory now: no further page. */
void gw_qemu_prealloc_stop(void);
