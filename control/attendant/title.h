/* SPDX-License-Identifier: BSD-3-Clause */
/* What ps shows of this process. */
#pragma once

/* Over the arguments it was started with, as far as they reach; and short, as the thread's name. */
void gw_set_title(const char *title, const char *name);
