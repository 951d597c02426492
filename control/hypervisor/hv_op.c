/* SPDX-License-Identifier: BSD-3-Clause */
/* The operations of a hypervisor: one runs at a time, each ends once, told from the loop. */
#include "hv.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/base/secret.h"

#include <errno.h>
#include <stdlib.h>

/* A QEMU that is asked to quit writes back its disks first. */
#define QUIT_KILL_NS (10 * GW_NS_PER_S)

/* Pause and resume wait for block I/O in flight; load fills caches of large images. */
static const struct {
	const char *name;
	uint64_t limit_ns;
} op_table[GW_HV_OP_KINDS] = {
	[GW_HV_OP_OPEN] = {"open", 10 * GW_NS_PER_S},
	[GW_HV_OP_CHECK] = {"check", 10 * GW_NS_PER_S},
	[GW_HV_OP_PREPARE] = {"prepare", 10 * GW_NS_PER_S},
	[GW_HV_OP_PAUSE] = {"pause", 10 * GW_NS_PER_S},
	[GW_HV_OP_RESUME] = {"resume", 15 * GW_NS_PER_S},
	[GW_HV_OP_SAVE] = {"save", 15 * GW_NS_PER_S},
	[GW_HV_OP_LOAD_OPEN] = {"load", 15 * GW_NS_PER_S},
	[GW_HV_OP_LOAD] = {"load", 15 * GW_NS_PER_S},
	[GW_HV_OP_UNSAVE] = {"unsave", 10 * GW_NS_PER_S},
	[GW_HV_OP_ANNOUNCE] = {"announce", 5 * GW_NS_PER_S},
	[GW_HV_OP_QUIT] = {"quit", 20 * GW_NS_PER_S},
};

static void op_deliver(struct gw_hv_op *slot)
{
	struct gw_hv_op op = *slot; /* the callback may start another, or free hv */

	slot->used = false;
	if (op.kind == GW_HV_OP_SAVE)
		op.done.state(op.arg, op.result, op.saved, op.size, &op.err);
	else if (op.kind == GW_HV_OP_CHECK)
		op.done.reasons(op.arg, op.result, op.reasons, &op.err);
	else
		op.done.plain(op.arg, op.result, &op.err);
}

static void op_tell(void *ctx)
{
	struct gw_hv *hv = ctx;
	struct gw_hv_op *op = hv->finished;

	hv->finished = op->next_finished;
	if (hv->finished != NULL)
		gw_timer_set(hv->tell, 0, 0);
	op_deliver(op);
}

static void op_finished(struct gw_hv *hv, struct gw_hv_op *op, int result, const struct gw_err *err)
{
	struct gw_hv_op **at = &hv->finished;

	op->result = result;
	if (err != NULL)
		op->err = *err;
	while (*at != NULL)
		at = &(*at)->next_finished;
	*at = op;
	gw_timer_set(hv->tell, 0, 0);
}

void gw_hv_finish(struct gw_hv *hv, int result, const struct gw_err *err)
{
	struct gw_hv_op *op = hv->op;

	if (op == NULL)
		return;
	hv->op = NULL;
	gw_timer_stop(hv->limit);
	if (op->kind == GW_HV_OP_OPEN)
		hv->opened = result == 0;
	if (op->kind == GW_HV_OP_RESUME && result == 0 && hv->resumed_ns == 0)
		hv->resumed_ns = gw_now_ns();
	op_finished(hv, op, result, err);
	hv->ops->over(hv);
}

void gw_hv_fail(struct gw_hv *hv, int result, const char *fmt, ...)
{
	struct gw_err err;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.text, sizeof(err.text), fmt, ap);
	va_end(ap);
	gw_hv_finish(hv, result, &err);
}

static void op_expired(void *ctx)
{
	struct gw_hv *hv = ctx;

	if (hv->op->kind == GW_HV_OP_OPEN && hv->info == NULL)
		gw_hv_fail(hv, -ETIMEDOUT,
			"the exporter does not say HELLO; it serves one client at a time: is "
			"another "
			"one connected?");
	else
		gw_hv_fail(hv, -ETIMEDOUT, "%s was not done in time", op_table[hv->op->kind].name);
}

int gw_hv_ops_create(struct gw_hv *hv)
{
	hv->limit = gw_timer_create(hv->loop, op_expired, hv);
	hv->tell = gw_timer_create(hv->loop, op_tell, hv);
	return hv->limit != NULL && hv->tell != NULL ? 0 : -ENOMEM;
}

void gw_hv_ops_free(struct gw_hv *hv)
{
	gw_timer_free(&hv->limit);
	gw_timer_free(&hv->tell);
	for (struct gw_hv_op *op = hv->op_slots; op < hv->op_slots + GW_HV_OP_SLOTS; op++) {
		if (!op->used)
			continue;
		gw_secret_free(op->saved);
		json_decref(op->reasons);
	}
}

/* The operation to fill in, or one that has failed already. */
static struct gw_hv_op *op_start(struct gw_hv *hv, enum gw_hv_op_kind kind, void *arg)
{
	struct gw_hv_op *op = hv->op_slots;
	bool allowed = kind == GW_HV_OP_OPEN || kind == GW_HV_OP_QUIT || (hv->opened && !hv->gone);

	/* Eight ends not yet told, in one turn of the loop: the caller does not listen. */
	while (op->used && ++op < hv->op_slots + GW_HV_OP_SLOTS)
		continue;
	if (op == hv->op_slots + GW_HV_OP_SLOTS)
		abort();
	*op = (struct gw_hv_op){.kind = kind, .used = true, .arg = arg};
	if (!allowed) {
		gw_err(&op->err, 0, "%s: the hypervisor is not connected", op_table[kind].name);
		op_finished(hv, op, -ENOTCONN, NULL);
		return op;
	}
	if (hv->op != NULL) {
		gw_hv_fail(hv, -ECANCELED, "%s gave way to %s", op_table[hv->op->kind].name,
			op_table[kind].name);
	}
	hv->op = op;
	gw_timer_set(hv->limit, op_table[kind].limit_ns, 0);
	return op;
}

static void plain_start(struct gw_hv *hv, enum gw_hv_op_kind kind, void (*run)(struct gw_hv *hv),
	gw_hv_done done, void *arg)
{
	struct gw_hv_op *op = op_start(hv, kind, arg);

	op->done.plain = done;
	if (hv->op == op)
		run(hv);
}

void gw_hv_start_open(struct gw_hv *hv, gw_hv_done done, void *arg)
{
	op_start(hv, GW_HV_OP_OPEN, arg)->done.plain = done;
}

void gw_hv_check(struct gw_hv *hv, gw_hv_reasons_done done, void *arg)
{
	struct gw_hv_op *op = op_start(hv, GW_HV_OP_CHECK, arg);

	op->done.reasons = done;
	if (hv->op == op)
		hv->ops->check(hv);
}

void gw_hv_prepare(struct gw_hv *hv, gw_hv_done done, void *arg)
{
	plain_start(hv, GW_HV_OP_PREPARE, hv->ops->prepare, done, arg);
}

void gw_hv_pause(struct gw_hv *hv, gw_hv_done done, void *arg)
{
	hv->stopped_ns = gw_now_ns();
	plain_start(hv, GW_HV_OP_PAUSE, hv->ops->pause, done, arg);
}

uint64_t gw_hv_stopped_ns(const struct gw_hv *hv)
{
	return hv->stopped_ns;
}

void gw_hv_resume(struct gw_hv *hv, gw_hv_done done, void *arg)
{
	hv->resume_ns = gw_now_ns();
	if (hv->run != GW_HV_RUNNING)
		hv->resumed_ns = 0;
	plain_start(hv, GW_HV_OP_RESUME, hv->ops->resume, done, arg);
}

uint64_t gw_hv_resumed_ns(const struct gw_hv *hv)
{
	return hv->resumed_ns;
}

void gw_hv_save(struct gw_hv *hv, gw_hv_state_done done, void *arg)
{
	struct gw_hv_op *op = op_start(hv, GW_HV_OP_SAVE, arg);

	op->done.state = done;
	if (hv->op == op)
		hv->ops->save(hv);
}

void gw_hv_load_open(struct gw_hv *hv, gw_hv_done done, void *arg)
{
	plain_start(hv, GW_HV_OP_LOAD_OPEN, hv->ops->load_open, done, arg);
}

void gw_hv_load(struct gw_hv *hv, const uint8_t *state, uint64_t size, gw_hv_done done, void *arg)
{
	struct gw_hv_op *op = op_start(hv, GW_HV_OP_LOAD, arg);

	op->done.plain = done;
	op->load = state;
	op->size = size;
	if (hv->op == op)
		hv->ops->load(hv);
}

void gw_hv_unsave(struct gw_hv *hv, gw_hv_done done, void *arg)
{
	plain_start(hv, GW_HV_OP_UNSAVE, hv->ops->unsave, done, arg);
}

void gw_hv_announce(struct gw_hv *hv, gw_hv_done done, void *arg)
{
	plain_start(hv, GW_HV_OP_ANNOUNCE, hv->ops->announce, done, arg);
}

static void on_process_end(void *ctx)
{
	struct gw_hv *hv = ctx;

	hv->gone = true;
	if (hv->op != NULL && hv->op->kind == GW_HV_OP_QUIT)
		gw_hv_finish(hv, 0, NULL);
}

static void quit_run(struct gw_hv *hv)
{
	if (hv->process == NULL) {
		gw_hv_fail(hv, -ENOTCONN, "quit: the hypervisor's process is not known");
		return;
	}
	gw_process_await_end(hv->process, QUIT_KILL_NS, on_process_end, hv);
	if (!hv->gone)
		hv->ops->quit(hv);
}

void gw_hv_quit(struct gw_hv *hv, gw_hv_done done, void *arg)
{
	plain_start(hv, GW_HV_OP_QUIT, quit_run, done, arg);
}
