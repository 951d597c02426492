/* SPDX-License-Identifier: BSD-3-Clause */
/* What godwitd gives up once it has started. */
#pragma once

#include "../../dataplane/base/error.h"

/*
 * Leaves shared memory and huge pages out of this process's core dumps, whoever mapped them: guest
 * memory, packet buffers, and the rings that drivers map as ports connect. What is private is
 * marked one by one (base/secret.h), so that a core of godwitd itself is still of use. That is why
 * the process stays dumpable; it would also lose its own /proc otherwise, where it is not root. A
 * failure is logged.
 */
void gw_harden_dumps(void);
