/* SPDX-License-Identifier: BSD-3-Clause */
/* godwitctl: what its commands share. */
#pragma once

#include "client.h"
#include "text.h"

#include <jansson.h>
#include <stdbool.h>

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1, /* the migration failed or was aborted; any other error */
	CTL_USAGE = 2,
	CTL_NO_DAEMON = 3, /* nobody listens, or it went away */
	CTL_REFUSED = 4,   /* hazards, differing ends, policy */
	CTL_NOT_FOUND = 5,
	CTL_CONFLICT = 6,    /* the VM has a session already */
	CTL_UNREACHABLE = 7, /* the peer does not answer */
	CTL_STATE = 8,       /* not possible in this phase */
	CTL_DENIED = 9,      /* not for this user */
};

struct ctl {
	const char *socket;
	bool json;
};

/* A command gets its own arguments, argv[0] being its name, and returns an exit code. */
typedef int ctl_command(const struct ctl *ctl, int argc, char **argv);

ctl_command ctl_migrate, ctl_check, ctl_list, ctl_show, ctl_abort, ctl_peers, ctl_ports, ctl_report,
	ctl_set, ctl_dirty_rate, ctl_resolve, ctl_reload, ctl_version;

/* Prints why a call failed, with reasons and remedies if it was refused, and returns the exit code.
 */
int ctl_explain(const struct ctl *ctl, const struct ctl_error *error);
int ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* That there are min to max operands and no options; false after saying what it takes. */
bool ctl_operands(int argc, char **argv, int min, int max, const char *names);

/* One JSON value on one line of stdout. */
void ctl_print_json(const json_t *value);
/* Why a session was refused: each reason and its remedy, wrapped. */
void ctl_print_reasons(FILE *f, const json_t *reasons);

/* What `peers` and `reload` say of this host's certificates, and of a peer's that ends soon. */
void ctl_print_security(const json_t *result);
void ctl_print_peer_end(const json_t *peer);
/* Of a session or report: ", NOT encrypted (INTEGRITY)", or "" where it is. */
struct text ctl_in_the_clear(const json_t *session);

/* Connects, calls and disconnects; explains a failure. Steals params. */
int ctl_call(const struct ctl *ctl, const char *method, json_t *params, json_t **result);
/* The same for a session that the user named by its VM or its id. Steals params. */
int ctl_call_session(const struct ctl *ctl, const char *method, const char *vm_or_id,
	json_t *params, json_t **result);
