/* SPDX-License-Identifier: BSD-3-Clause */
/* A userfaultfd that protects asynchronously, by whatever door this process's rights open. */
#pragma once

#include "exporter.h"

/* *fd is the caller's. -EOPNOTSUPP: the kernel cannot; -EPERM: the process may not; why says more.
 */
int gw_uffd_open(int *fd, struct gw_export_reason *why);
