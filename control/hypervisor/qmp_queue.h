/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of one QMP connection: waiting to be sent, then for their answers. */
#pragma once

#include "qmp.h"
#include "qmp_frame.h"

#include <stdbool.h>

struct gw_qmp_request;

struct gw_qmp_queue {
	struct gw_loop *loop;
	int fd; /* the connection; not owned */
	struct gw_qmp_request *first;
	json_int_t last_id;
};

/* As gw_qmp_command(); nothing is sent yet. */
int gw_qmp_queue_add(struct gw_qmp_queue *q, const char *name, json_t *args, int fd,
	uint64_t limit_ns, gw_qmp_done done, void *arg);

/* Sends what the socket takes; true: all is sent. A failed socket is noticed by reading it. */
bool gw_qmp_queue_flush(struct gw_qmp_queue *q);
bool gw_qmp_queue_sent(const struct gw_qmp_queue *q);

/* Calls done of the command that m (a return or an error) answers; its last act, as done may free
 * the connection. */
void gw_qmp_queue_answer(struct gw_qmp_queue *q, const struct gw_qmp_message *m);

void gw_qmp_queue_forget(struct gw_qmp_queue *q);
void gw_qmp_queue_drop(struct gw_qmp_queue *q);
