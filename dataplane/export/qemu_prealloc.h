/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Huge pages for memory that QEMU takes at its start (prealloc=on). QEMU takes it page by page; a
 * destination's godwitd would have to gather it while a guest's pages arrive, a source's maps each
 * page by itself. So a thread of QEMU gathers it, from the start on and until somebody comes.
 */
#pragma once

/* Begins where there is such memory. What fails is not told: the pages stay small. */
void gw_qemu_prealloc_start(void);
/* Somebody wants to read or fill the memory now: no further page. */
void gw_qemu_prealloc_stop(void);
