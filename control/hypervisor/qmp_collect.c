/* SPDX-License-Identifier: BSD-3-Clause */
#include "qmp_collect.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 128

struct question {
	struct gw_collect *collect;
	char key[KEY_MAX];
	struct question *next;
};

struct gw_collect {
	struct gw_qmp *qmp;
	json_t *answers;
	struct question *questions;
	unsigned int open; /* not answered yet */
	bool running;
	int result;
	struct gw_err err;
	gw_collect_done done;
	void *arg;
};

struct gw_collect *gw_collect_create(
	struct gw_qmp *qmp, json_t *answers, gw_collect_done done, void *arg)
{
	struct gw_collect *c = calloc(1, sizeof(*c));

	if (answers == NULL)
		answers = json_object();
	if (c == NULL || answers == NULL) {
		json_decref(answers);
		free(c);
		return NULL;
	}
	*c = (struct gw_collect){.qmp = qmp, .answers = answers, .done = done, .arg = arg};
	return c;
}

static void collect_fail(struct gw_collect *c, int result, const struct gw_err *err)
{
	if (c->result != 0)
		return;
	c->result = result;
	c->err = *err;
}

static void finish_if_complete(struct gw_collect *c)
{
	if (!c->running || (c->open > 0 && c->result == 0))
		return;
	c->running = false;
	c->done(c->arg, c->result, c->answers, &c->err);
}

static void on_answer(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	const struct question *q = arg;
	struct gw_collect *c = q->collect;
	json_t *copy;

	c->open--;
	if (result == 0) {
		copy = json_deep_copy(ret);
		if (json_object_set_new(c->answers, q->key, copy) != 0)
			collect_fail(c, -ENOMEM, &(struct gw_err){"no memory"});
	} else if (result != -EOPNOTSUPP && result != -EREMOTEIO) {
		collect_fail(c, result, err);
	}
	finish_if_complete(c);
}

void gw_collect_ask(
	struct gw_collect *c, const char *key, const char *command, json_t *args, uint64_t limit_ns)
{
	struct question *q = calloc(1, sizeof(*q));
	int rc = -ENOMEM;

	if (q == NULL) {
		json_decref(args);
		goto fail;
	}
	q->collect = c;
	snprintf(q->key, sizeof(q->key), "%s", key);
	q->next = c->questions;
	c->questions = q;
	rc = gw_qmp_command(c->qmp, command, args, -1, limit_ns, on_answer, q);
	if (rc == 0) {
		c->open++;
		return;
	}
fail:
	collect_fail(c, rc, &(struct gw_err){"a question to QEMU could not be sent"});
}

void gw_collect_run(struct gw_collect *c)
{
	c->running = true;
	finish_if_complete(c);
}

void gw_collect_free(struct gw_collect **c)
{
	if (*c == NULL)
		return;
	while ((*c)->questions != NULL) {
		struct question *q = (*c)->questions;

		(*c)->questions = q->next;
		free(q);
	}
	json_decref((*c)->answers);
	free(*c);
	*c = NULL;
}
