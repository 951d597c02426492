/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks QEMU several questions at once and hands over all answers as one JSON object, so that what
 * is made of them is a pure function. */
#pragma once

#include "qmp.h"

struct gw_collect;

/* answers: {"key": what the command returned, ...}; a question that QEMU refused or does not know
 * has no member. Borrowed. result other than 0: the connection failed or an answer did not come. */
typedef void (*gw_collect_done)(void *arg, int result, json_t *answers, const struct gw_err *err);

/* done may free the object. answers (consumed; NULL: none yet) is what the new answers join. */
struct gw_collect *gw_collect_create(
	struct gw_qmp *qmp, json_t *answers, gw_collect_done done, void *arg);

/* key is copied, args (NULL: none) consumed. A failure is kept and told by done. */
void gw_collect_ask(struct gw_collect *c, const char *key, const char *command, json_t *args,
	uint64_t limit_ns);

/* Everything has been asked: from now on done may be called, and it will be (from the loop, or
 * at once where nothing was asked or a question could not be sent). */
void gw_collect_run(struct gw_collect *c);

/* Before all is answered: after gw_qmp_forget(). */
void gw_collect_free(struct gw_collect **c);
