/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A QMP client on the loop: one non-blocking unix socket, commands with a callback and a time limit
 * each, events. A QEMU that floods, never answers or talks nonsense breaks its own connection only.
 */
#pragma once

#include "../../dataplane/base/error.h"
#include "../../dataplane/export/trust.h"
#include "../loop.h"

#include <jansson.h>
#include <stdint.h>

struct gw_qmp;

struct gw_qmp_callbacks {
	/* Negotiated; commands may be sent. version: "10.0.13". */
	void (*ready)(void *ctx);
	/* data may be NULL. at_ns: gw_now_ns() time at which QEMU says that it happened. */
	void (*event)(void *ctx, const char *name, const json_t *data, uint64_t at_ns);
	/* The connection is broken; every pending command has been dropped without its callback.
	 * Only gw_qmp_free() is allowed then. */
	void (*broken)(void *ctx, int result, const struct gw_err *err);
	void *ctx;
};

/* result 0: ret is what the command returned (borrowed); -EOPNOTSUPP: QEMU does not know the
 * command; -EREMOTEIO: it refused, err has its words; -ETIMEDOUT. */
typedef void (*gw_qmp_done)(void *arg, int result, const json_t *ret, const struct gw_err *err);

/* Connects and negotiates. Errors at once: -ENOENT, -ECONNREFUSED, -EPERM (a user who is not
 * trusted listens there), -ENOTSOCK (no socket, or a symbolic link), ... The callbacks may free the
 * object. */
int gw_qmp_connect(struct gw_loop *loop, const char *path, const struct gw_trust *trust,
	const struct gw_qmp_callbacks *cb, struct gw_qmp **out, struct gw_err *err);
void gw_qmp_free(struct gw_qmp **qmp);

/* args (NULL: none) is consumed. fd >= 0 travels with the command (getfd); it stays the caller's
 * and may be closed after this call. 0, -ENOMEM, -EPIPE (broken). done is never called from inside.
 */
int gw_qmp_command(struct gw_qmp *qmp, const char *name, json_t *args, int fd, uint64_t limit_ns,
	gw_qmp_done done, void *arg);

/* Pending commands stay sent, but their answers are dropped. */
void gw_qmp_forget(struct gw_qmp *qmp);

/* Takes the socket out, for a last exchange elsewhere; -1 where it is not usable. The object is
 * freed. */
int gw_qmp_detach(struct gw_qmp **qmp);

/* Of the process that made the socket. */
uid_t gw_qmp_uid(const struct gw_qmp *qmp);

/* After ready: major version, and all of it as text. */
unsigned int gw_qmp_major(const struct gw_qmp *qmp);
const char *gw_qmp_version(const struct gw_qmp *qmp);
