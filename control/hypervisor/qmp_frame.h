/* SPDX-License-Identifier: BSD-3-Clause */
/* QMP on the receiving side, without I/O: bytes in, checked messages out. One JSON object a line.
 */
#pragma once

#include "../../dataplane/base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

/* The longest line that is accepted; a listing of some hundred block nodes takes 200 KiB. */
#define GW_QMP_LINE_MAX (4u << 20)

struct gw_qmp_frame {
	char *buf;
	size_t start;   /* first byte not yet consumed */
	size_t end;     /* behind the last byte */
	size_t scanned; /* no newline before this place */
	size_t capacity;
};

struct gw_qmp_message {
	enum gw_qmp_kind {
		GW_QMP_GREETING, /* data: the "QMP" object */
		GW_QMP_RETURN,   /* data: what the command returned */
		GW_QMP_ERROR,    /* class, desc */
		GW_QMP_EVENT,    /* event, data (maybe NULL) */
	} kind;
	json_t *root; /* owned; all that follows points into it */
	const json_t *data;
	const char *event;
	const char *error_class;
	const char *error_desc;
	json_int_t id; /* of the command; -1: none of ours */
};

/* Where to read up to *room bytes into; then gw_qmp_frame_filled(). NULL: the line is longer than
 * GW_QMP_LINE_MAX, or there is no memory. */
char *gw_qmp_frame_room(struct gw_qmp_frame *f, size_t *room);
void gw_qmp_frame_filled(struct gw_qmp_frame *f, size_t bytes);

/* 1: *m is the next message, cleared by gw_qmp_message_clear(); 0: no whole line is there;
 * -EPROTO: that line is no QMP (err says how). */
int gw_qmp_frame_next(struct gw_qmp_frame *f, struct gw_qmp_message *m, struct gw_err *err);

void gw_qmp_message_clear(struct gw_qmp_message *m);
void gw_qmp_frame_clear(struct gw_qmp_frame *f);
