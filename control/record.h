/* SPDX-License-Identifier: BSD-3-Clause */
/* What a restart of godwitd must know about a session: the promise it made last, in
 * run_dir/sessions/ID.json, with the boot id. A host crash takes the hypervisors along, so process
 * crashes are what records must survive. */
#pragma once

#include "../dataplane/base/error.h"
#include "message.h"
#include "session.h"

struct gw_record {
	enum gw_record_step step;
	char id[GW_UUID_TEXT];
	char vm[GW_NAME_MAX];
	char peer[GW_NAME_MAX]; /* source: the configured peer; sink: what the source calls itself
				 */
	bool was_paused;        /* the guest had been paused before the session */
	int pid; /* of the hypervisor: another one of that name is none of this session's; 0:
		    unknown */
};

/* Replaces the session's record in one step (rename). 0 or a negative errno. */
int gw_record_write(const char *run_dir, const struct gw_record *record, struct gw_err *err);
void gw_record_remove(const char *run_dir, const char *id);
/* -ENOENT: none; -ESTALE: of an earlier boot; -EPROTO: not a record. */
int gw_record_read(const char *run_dir, const char *id, struct gw_record *record);
/* Calls fn for every record of this boot; removes those of earlier ones. */
void gw_record_each(
	const char *run_dir, void (*fn)(void *ctx, const struct gw_record *record), void *ctx);
bool gw_record_is_source(const struct gw_record *record);
