/* SPDX-License-Identifier: BSD-3-Clause */
#include "hook.h"

#include "../../dataplane/base/log.h"
#include "hook_files.h"
#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 32u

struct run {
	struct gw_hooks *hooks;
	uint32_t id; /* 0: free */
	enum gw_hook_point point;
	struct gw_hook_files files;
	uint32_t next;
	struct gw_program *program;
	char label[GW_ATTENDANT_LABEL], input[GW_HOOK_INPUT_MAX];
	uint32_t input_bytes;
};

struct gw_hooks {
	struct gw_loop *loop;
	char dir[PATH_MAX];
	uint32_t timeout_ms;
	gw_hooks_fn *over;
	void *ctx;
	struct run run[RUNS];
};

struct gw_hooks *gw_hooks_create(
	struct gw_loop *loop, const char *dir, uint32_t timeout_ms, gw_hooks_fn *over, void *ctx)
{
	struct gw_hooks *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->loop = loop;
	snprintf(h->dir, sizeof(h->dir), "%s", dir);
	h->timeout_ms = timeout_ms;
	h->over = over;
	h->ctx = ctx;
	for (uint32_t i = 0; i < RUNS; i++)
		h->run[i].hooks = h;
	return h;
}

void gw_hooks_free(struct gw_hooks **hooks)
{
	if (*hooks == NULL)
		return;
	for (uint32_t i = 0; i < RUNS; i++)
		gw_program_free(&(*hooks)->run[i].program);
	free(*hooks);
	*hooks = NULL;
}

static void end(struct run *r, int result, const char *text)
{
	uint32_t id = r->id;

	if (result != 0)
		gw_warn("%s: %s", r->label, text);
	r->id = 0;
	r->hooks->over(r->hooks->ctx, id, result, text);
}

static void go_on(struct run *r);

static void program_over(void *ctx, int result, const char *text)
{
	struct run *r = ctx;

	r->program = NULL;
	if (result != 0)
		end(r, result, text);
	else
		go_on(r);
}

static void go_on(struct run *r)
{
	char path[PATH_MAX + 128], text[256];
	struct gw_program_conf conf = {.path = path,
		.label = r->label,
		.point = gw_hook_name(r->point),
		.input = r->input,
		.input_bytes = r->input_bytes,
		.timeout_ms = r->hooks->timeout_ms,
		.over = program_over,
		.ctx = r};
	int rc;

	if (r->next == r->files.n) {
		end(r, 0, "");
		return;
	}
	conf.name = r->files.name[r->next++];
	snprintf(path, sizeof(path), "%s/%s", r->hooks->dir, conf.name);
	rc = gw_program_start(r->hooks->loop, &conf, &r->program);
	if (rc != 0) {
		snprintf(text, sizeof(text), "hook %s: %s", conf.name, strerror(-rc));
		end(r, rc, text);
	}
}

static struct run *find(struct gw_hooks *h, uint32_t id)
{
	for (uint32_t i = 0; i < RUNS; i++)
		if (h->run[i].id == id)
			return &h->run[i];
	return NULL;
}

void gw_hooks_run(struct gw_hooks *h, const struct gw_attendant_request *q)
{
	struct run *r = q->id == 0 || find(h, q->id) != NULL ? NULL : find(h, 0);
	struct gw_err err = {.text = ""};
	int rc;

	if (q->point >= GW_N_HOOKS || q->n > sizeof(r->input) ||
		memchr(q->label, '\0', sizeof(q->label)) == NULL) {
		h->over(h->ctx, q->id, -EINVAL, "hooks: no such request");
		return;
	}
	if (r == NULL) {
		h->over(h->ctx, q->id, -EAGAIN, "hooks: too many run at once");
		return;
	}
	r->id = q->id;
	r->point = (enum gw_hook_point)q->point;
	r->next = 0;
	r->input_bytes = q->n;
	memcpy(r->input, q->u.input, q->n);
	memcpy(r->label, q->label, sizeof(r->label));
	rc = gw_hook_files(h->dir, r->point, &r->files, &err);
	if (rc != 0)
		end(r, rc, err.text);
	else
		go_on(r);
}

bool gw_hooks_idle(const struct gw_hooks *h)
{
	bool idle = true;

	for (uint32_t i = 0; h != NULL && i < RUNS; i++)
		idle = idle && h->run[i].id == 0;
	return idle;
}

void gw_hooks_cancel(struct gw_hooks *h, uint32_t id)
{
	struct run *r = id == 0 ? NULL : find(h, id);

	if (r == NULL)
		return;
	gw_program_free(&r->program);
	r->id = 0;
}
