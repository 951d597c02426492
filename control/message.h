/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control messages between two godwitd: 4 bytes big-endian length, then one JSON object of at most
 * 1 MiB with "v" (version) and "type". Pure: bytes in, objects out. Unknown types end the
 * connection, unknown fields do not. Nothing of a peer's is believed: the getters check type and
 * range of each field.
 */
#pragma once

#include "../dataplane/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A version speaks with the one before it: hello is said in the older form with the newest one that
 * this end knows ("protocol"), everything after it in the newest that both know. */
#define GW_MESSAGE_VERSION 2u
#define GW_MESSAGE_OLDEST 1u
#define GW_MESSAGE_MAX (1u << 20)
#define GW_MESSAGE_HEADER 4u
#define GW_UUID_TEXT 37u /* with the terminating NUL */
#define GW_NAME_MAX 64u  /* of VMs and hosts, with the terminating NUL */

/* X(enumerator, name on the wire). S: source of the session, D: its destination. */
#define GW_MESSAGE_TYPES(X)                                                                      \
	X(HELLO, "hello")               /* both: version, protocol, name, host, abi */           \
	X(BYE, "bye")                   /* both, from protocol 2 on: reason; the last message */ \
	X(PING, "ping")                 /* both: t */                                            \
	X(PONG, "pong")                 /* both: t of the ping */                                \
	X(PATHS, "paths")               /* initiator: the planned paths */                       \
	X(PATHS_OK, "paths_ok")         /* acceptor: the same, its half filled in */             \
	X(PATHS_FAILED, "paths_failed") /* acceptor: reason */                                   \
	X(PREPARE, "prepare")           /* S: vm, description, verify, dry */                    \
	X(PREPARED, "prepared")         /* D: reasons, stream */                                 \
	X(EXTENTS, "extents")           /* S: region, runs, last */                              \
	X(POPULATED, "populated")       /* D: region, pages */                                   \
	X(SWITCHOVER, "switchover")     /* S: the guest is about to be paused */                 \
	X(COMMIT, "commit")             /* S: label, state_size, state_digest, verify */         \
	X(DIGESTS, "digests")           /* S: region, first, digests, last */                    \
	X(DIGEST_ASK, "digest_ask")     /* D: region, chunk */                                   \
	X(DIGEST_PAGES, "digest_pages") /* S: region, chunk, digests */                          \
	X(READY, "ready")               /* D: fence_ns, verify_ns, load_ns, pages, mismatched */ \
	X(GO, "go")                     /* S */                                                  \
	X(ASK, "ask")                   /* S after a lost connection: what became of it? */      \
	X(STARTING, "starting")         /* D */                                                  \
	X(RUNNING, "running")           /* D, repeated until end: age_ns, for so long */         \
	X(REFUSED, "refused")           /* D, repeated until end: never ran, hypervisor gone */  \
	X(CRASHED, "crashed")           /* D: the hypervisor ended while it was starting */      \
	X(UNKNOWN, "unknown")           /* D: no such session; never means refused */            \
	X(END, "end")                   /* S: D may forget */                                    \
	X(ABORT, "abort")               /* S: reason */                                          \
	X(ABORTED, "aborted")           /* D: nothing is left behind */                          \
	X(FAILED, "failed")             /* D: reason; aborted follows */                         \
	X(BENCH, "bench")               /* godwit-bench, sending end: op and what it takes */    \
	X(BENCHED, "benched")           /* receiving end: its answer, or error */

enum gw_message_type {
#define X(e, n) GW_MESSAGE_##e,
	GW_MESSAGE_TYPES(X)
#undef X
		GW_MESSAGE_N_TYPES
};

const char *gw_message_name(enum gw_message_type type);

/* Body (stolen, an object or NULL for an empty one) to bytes with header; *out is malloc'ed.
 * -EMSGSIZE where it is over the limit, -ENOMEM. */
int gw_message_encode(
	uint32_t version, enum gw_message_type type, json_t *body, uint8_t **out, size_t *len);

/* Reassembles messages from a byte stream. Its buffer grows with what has arrived, not with what
 * was announced. */
struct gw_message_reader;
int gw_message_reader_create(struct gw_message_reader **out);
void gw_message_reader_free(struct gw_message_reader **r);

/* Where the next bytes go: at least one byte of room; -ENOMEM. Then gw_message_reader_got(). */
int gw_message_reader_room(struct gw_message_reader *r, uint8_t **at, size_t *room);
void gw_message_reader_got(struct gw_message_reader *r, size_t n);

/* 1: *type and *body (owned by the caller) are filled; 0: more bytes are needed; -EPROTO with err:
 * the peer broke the protocol, nothing more can be read. */
int gw_message_next(
	struct gw_message_reader *r, enum gw_message_type *type, json_t **body, struct gw_err *err);

/* Fields. 0, or -EPROTO where the field is absent, of another type or out of range (*out is then
 * untouched). */
int gw_message_u64(const json_t *o, const char *key, uint64_t max, uint64_t *out);
/* A string of 1..size-1 bytes without control characters, copied with its NUL. */
int gw_message_text(const json_t *o, const char *key, char *out, size_t size);
bool gw_message_bool(const json_t *o, const char *key); /* absent: false */
/* A string for people (reasons): cut to fit, control characters replaced; "" where absent. */
void gw_message_reason(const json_t *o, const char *key, char *out, size_t size);

/* A new JSON string of any text: what is not UTF-8 (a cut in mid-character) is replaced, never
 * refused. */
json_t *gw_message_string(const char *text);

/* 8-4-4-4-12 lower-case hexadecimal. */
bool gw_uuid_valid(const char *text);
/* A VM's or host's name: letters, digits, '-', '_', '.', not first '.'; it becomes part of a file's
 * name. */
bool gw_name_valid(const char *text);
