/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON-RPC 2.0 over a unix socket (newline-delimited objects), for godwitctl and scripts. Runs on the control loop.
 * A stalled, flooding or babbling client costs its own connection only. */
#pragma once

#include "../dataplane/base/error.h"
#include "loop.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

struct gw_rpc;
struct gw_rpc_call; /* one request that waits for its answer */

/* Error codes beside JSON-RPC's own (-32700 parse, -32600 request, -32601 method, -32602 params, -32603 internal). */
enum gw_rpc_code {
	GW_RPC_NOT_FOUND = 1,   /* no such VM, session, peer or report */
	GW_RPC_REFUSED = 2,     /* hazards, differing ends, policy; data.reasons lists them */
	GW_RPC_CONFLICT = 3,    /* a session for this VM exists already */
	GW_RPC_UNREACHABLE = 4, /* the peer does not answer */
	GW_RPC_STATE = 5,       /* not possible in this phase */
	GW_RPC_DENIED = 6,      /* not for this user */
};

#define GW_RPC_NO_ID UINT32_MAX

/* Whose the socket is, and who may call what: root, this process's own user and owner everything;
 * members of group what is read_only; others nothing. */
struct gw_rpc_access {
	uid_t owner; /* GW_RPC_NO_ID: this process's own */
	gid_t group; /* GW_RPC_NO_ID: this process's own, and no group may read */
	mode_t mode; /* of the socket; GW_RPC_NO_ID: 0600 */
};

struct gw_rpc_method {
	const char *name;
	/* params is an object (never NULL, empty where the client gave none) and is borrowed for the call; incref to keep.
	 * Must answer call exactly once, now or later. */
	void (*fn)(void *ctx, const json_t *params, struct gw_rpc_call *call);
	bool read_only; /* changes nothing and keeps nothing busy: a group may be given it */
};

/* Listens on path (a stale socket of a dead daemon is replaced, a live one is -EADDRINUSE with
 * err). methods ends with a NULL name. access is copied; NULL: nobody but root and this process's
 * own user. */
int gw_rpc_create(struct gw_loop *loop, const char *path, const struct gw_rpc_access *access,
	const struct gw_rpc_method *methods, void *ctx, struct gw_rpc **out, struct gw_err *err);
void gw_rpc_free(struct gw_rpc **rpc); /* unlinks the socket */

/* Answers and frees call; safe after the client went away. result and data are stolen (data may be NULL). */
void gw_rpc_reply(struct gw_rpc_call *call, json_t *result);
void gw_rpc_error(struct gw_rpc_call *call, int code, json_t *data, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Nobody is there any more who could be answered; the call has to be answered nevertheless. */
bool gw_rpc_gone(const struct gw_rpc_call *call);

/*
 * Methods of godwitd (service.c) and their shapes; units in names:
 *   migrate {vm, host, verify?, after?, populate_first?, blackout_limit_ms?, max_total_s?, on_limit?,
 *          max_slowdown_percent?, on_slowdown_limit?: "abort|wait|switchover",
 *          class?, weight?, rate?} -> {id}   returns when admitted or refused
 *   check {vm, host}            -> {ok, reasons:[{where, code, message, remedy}]}
 *   list {}                     -> {sessions:[status]}
 *   show {id? | vm?}            -> status (the newest session of that VM; finished ones stay until 64 newer ones)
 *   abort {id? | vm?, reason?}  -> {id}   returns when the abort is under way; follow with show
 *   resolve {id? | vm?, as:"running-here|running-there|gone", sure?} -> {id}   a person's word where the other host does not come back
 *   dirty_rate {vm, seconds?: 1..60} -> measurement   returns when it was measured, or ended; a client that goes away ends it, and so
 *          does a migration of the VM (CONFLICT)
 *   dirty_rate_so_far {vm}      -> measurement   of one that is under way
 *   dirty_rate_end {vm}         -> {vm}   dirty_rate returns with what was measured until then
 *   peers {}                    -> {peers:[{name, address, connected, rtt_us, version, paths, paths_up, certificate_days_left?, error?}],
 *                                   security:"on|off", certificate_names, certificates:[{key, file, ends, days_left}], error?}   of this host
 *   ports {}                    -> {ports:[{name, device, driver, mac, address, mtu, link_up, stopped, standby, rate_bps, queues, rx_packets, rx_bytes,
 *                                   tx_packets, tx_bytes, drops:{name:count}}]}
 *   set {id? | vm?, class?, weight?, rate?, blackout_limit_ms?} -> status   of a running session, at its source
 *   set {port, rate?, state?: "up|down"} -> the port as `ports` has it   down: out of service; rates as in the configuration
 *   report {id? | vm?}          -> the report (see README), -> NOT_FOUND until the session has ended
 *   reload {}                   -> {security, certificate_names, certificates, error?}   looks at the certificates' files now
 *   version {}                  -> {version, name, dpdk, abi}
 * status: {id, vm, role:"source|destination", peer, phase:"prepare|trace|precopy|switchover|done|abort", result:null|"completed|aborted|failed",
 *   error:null|text, epoch, elapsed_ms, remaining_bytes, total_bytes, dirty_rate_bps, wire_rate_bps,
 *   ports:[{name, bps, up}], ports_down_ms:null|n, class, weight, rate_bps, blackout_limit_ms (the last four: of a source), slowdown_percent (of a source), predicted_blackout_ms:null|n, blackout_ms:null|n, eta_ms:null|n, verify:bool, integrity, security:"on|off"}
 * measurement: {vm, complete:bool, asked_ms, measured_ms, intervals, memory_bytes, data_bytes, dirty_pages_per_s, dirty_rate_bps (distinct pages
 *   of an interval of 100 ms), peak_rate_bps (in one interval), working_set_pages, working_set_bytes (distinct pages in all the time),
 *   windows:[{window_ms, pages}] (distinct pages on average), wire_rate_bps:null|n (guest bytes), wire_rate_from:null|"measured|ports",
 *   forecast:null|{converges:bool, slowdown_percent, epochs, total_ms, blackout_ms, blackout_limit_ms}}
 */
