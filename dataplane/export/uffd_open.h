/* SPDX-License-Identifier: BSD-3-Clause */
/* A userfaultfd that protects asynchronously, by whatever door this process's rights open. */
#pragma once

#include "exporter.h"

/* *fd is the caller's. -EOPNOTSUPP: the kernel cannot; -EPERM: the process may not; why says more.
 */
int gw_uffd_open(int *fd, struct gw_export_reason *why);

/* This process may not have a userfaultfd of every kind by itself, and none was lent. */
bool gw_uffd_wanted(void);

/* A descriptor of /dev/userfaultfd that somebody with the right to open it lends to this process;
 * it becomes the callee's, until the next one or -1 takes its place. */
void gw_uffd_lend(int dev_fd);
