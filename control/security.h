/* SPDX-License-Identifier: BSD-3-Clause */
/* What `security` says, carried out: with `on` the credentials, looked at again while godwitd runs
 * and complained about before they end; with `off` a warning. */
#pragma once

#include "../config/config.h"
#include "loop.h"

#include <jansson.h>

struct gw_security;
struct gw_tls;

/* renewed(ctx): new credentials are in use. */
int gw_security_create(struct gw_loop *loop, const struct gw_config *config,
	struct gw_security **out, struct gw_err *err);
void gw_security_free(struct gw_security **s);
void gw_security_on_renewed(struct gw_security *s, void (*renewed)(void *ctx), void *ctx);

const struct gw_tls *gw_security_tls(const struct gw_security *s); /* NULL: off */
/* Looks at the files now (SIGHUP, godwitctl reload). 0, or why the old ones stay in use. */
int gw_security_reload(struct gw_security *s, struct gw_err *err);
/* Into the answer of the method `peers` (rpc.h): security, name, certificates, error. */
void gw_security_json(const struct gw_security *s, json_t *o);
