/* SPDX-License-Identifier: BSD-3-Clause */
#include "qmp_frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16384u
#define READ_AT_LEAST 4096u

char *gw_qmp_frame_room(struct gw_qmp_frame *f, size_t *room)
{
	if (f->start > 0) {
		memmove(f->buf, f->buf + f->start, f->end - f->start);
		f->end -= f->start;
		f->scanned -= f->start;
		f->start = 0;
	}
	if (f->capacity - f->end < READ_AT_LEAST) {
		size_t capacity = f->capacity == 0 ? FIRST_CAPACITY : 2 * f->capacity;
		char *buf;

		if (capacity > 2 * (size_t)GW_QMP_LINE_MAX)
			return NULL;
		buf = realloc(f->buf, capacity);
		if (buf == NULL)
			return NULL;
		f->buf = buf;
		f->capacity = capacity;
	}
	*room = f->capacity - f->end;
	return f->buf + f->end;
}

void gw_qmp_frame_filled(struct gw_qmp_frame *f, size_t bytes)
{
	f->end += bytes;
}

static int message_check(struct gw_qmp_message *m, struct gw_err *err)
{
	const json_t *greeting = json_object_get(m->root, "QMP");
	const json_t *event = json_object_get(m->root, "event");
	const json_t *error = json_object_get(m->root, "error");
	const json_t *ret = json_object_get(m->root, "return");
	const json_t *id = json_object_get(m->root, "id");

	m->id = json_is_integer(id) ? json_integer_value(id) : -1;
	if (json_is_string(event)) {
		m->kind = GW_QMP_EVENT;
		m->event = json_string_value(event);
		m->data = json_object_get(m->root, "data");
	} else if (ret != NULL) {
		m->kind = GW_QMP_RETURN;
		m->data = ret;
	} else if (json_is_object(error)) {
		m->kind = GW_QMP_ERROR;
		m->error_class = json_string_value(json_object_get(error, "class"));
		m->error_desc = json_string_value(json_object_get(error, "desc"));
		if (m->error_class == NULL)
			m->error_class = "";
		if (m->error_desc == NULL)
			m->error_desc = "no description";
	} else if (json_is_object(greeting)) {
		m->kind = GW_QMP_GREETING;
		m->data = greeting;
	} else {
		return gw_err(err, -EPROTO, "QMP: a message that is no greeting, answer or event");
	}
	return 0;
}

int gw_qmp_frame_next(struct gw_qmp_frame *f, struct gw_qmp_message *m, struct gw_err *err)
{
	json_error_t why;
	char *line, *newline;
	size_t length;

	*m = (struct gw_qmp_message){.id = -1};
	do {
		if (f->end == f->scanned)
			return 0;
		newline = memchr(f->buf + f->scanned, '\n', f->end - f->scanned);
		if (newline == NULL) {
			f->scanned = f->end;
			return 0;
		}
		line = f->buf + f->start;
		length = (size_t)(newline - line);
		f->start += length + 1;
		f->scanned = f->start;
	} while (length == 0 || (length == 1 && line[0] == '\r')); /* blank lines mean nothing */

	if (length > GW_QMP_LINE_MAX)
		return gw_err(err, -EPROTO, "QMP: a line of %zu bytes; %u are allowed", length,
			GW_QMP_LINE_MAX);
	m->root = json_loadb(line, length, 0, &why);
	if (!json_is_object(m->root)) {
		gw_qmp_message_clear(m);
		return gw_err(err, -EPROTO, "QMP: a line that is no JSON object: %s", why.text);
	}
	if (message_check(m, err) != 0) {
		gw_qmp_message_clear(m);
		return -EPROTO;
	}
	return 1;
}

void gw_qmp_message_clear(struct gw_qmp_message *m)
{
	json_decref(m->root);
	*m = (struct gw_qmp_message){.id = -1};
}

void gw_qmp_frame_clear(struct gw_qmp_frame *f)
{
	free(f->buf);
	*f = (struct gw_qmp_frame){0};
}
