/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A migration session as two pure state machines: events in, actions out. No I/O, no clock: what a
 * driver (source_run.c, sink_run.c) carries out comes back as a later event. All commit rules of
 * the design live here.
 *
 * A driver carries out the actions of one step in their order and takes events in theirs. Every
 * hypervisor action (HV_*, PAUSE, SAVE, UNSAVE, LOAD_OPEN, LOAD, RESUME, QUIT) is answered by
 * exactly one completion event; a later one makes an earlier one give way.
 */
#pragma once

#include "attendant/hook_point.h"
#include "convergence.h"

#include <stdbool.h>
#include <stdint.h>

#define GW_SESSION_TEXT 256

enum gw_phase { GW_PREPARE, GW_TRACE, GW_PRECOPY, GW_SWITCHOVER, GW_DONE, GW_ABORT };
enum gw_result { GW_RESULT_NONE, GW_COMPLETED, GW_ABORTED, GW_FAILED };

const char *gw_phase_name(enum gw_phase phase);
const char *gw_result_name(enum gw_result result); /* NULL for GW_RESULT_NONE */

/* X(name). Completions carry result: 0 or a negative errno, with text. */
#define GW_SESSION_EVENTS(X)                                                                 \
	X(START)         /* begin */                                                         \
	X(RECOVER)       /* source: begin after a restart; value: enum gw_record_step found, \
			    result: 1 where the guest had been paused before the session */  \
	X(HV_OPENED)     /* HV_OPEN; value: 1 where the guest is paused */                   \
	X(HV_CHECKED)    /* HV_CHECK; value: number of reasons against it */                 \
	X(HV_PREPARED)   /* HV_PREPARE */                                                    \
	X(PEER_PREPARED) /* source: D's answer; value: number of reasons of both ends */     \
	X(MAPPED)        /* MAP */                                                           \
	X(LINK_UP)       /* WATCH_LINK: every core of D is reached */                        \
	X(TRACKING)      /* TRACK_START */                                                   \
	X(STREAM)        /* STREAM_CREATE */                                                 \
	X(WALKED)        /* WALK: extents are marked */                                      \
	X(POPULATED)     /* D has populated all (once) */                                    \
	X(LABEL_OPENED)  /* OPEN_LABEL */                                                    \
	X(IDLE)          /* once per label: nothing set, in hand or outstanding */           \
	X(SYNCED)        /* SYNC */                                                          \
	X(DRAINED)       /* DRAIN; sample is filled */                                       \
	X(HOLES)         /* FIND_HOLES */                                                    \
	X(HOOKED)        /* source: HOOK, of before-pause only */                            \
	X(RECORDED)      /* RECORD */                                                        \
	X(PAUSED)                                                                            \
	X(SAVED)                                                                             \
	X(STATE_PUT) /* PUT_STATE */                                                         \
	X(LOAD_OPENED)                                                                       \
	X(LOADED)                                                                            \
	X(UNSAVED)                                                                           \
	X(RESUMED)                                                                           \
	X(QUIT_DONE)                                                                         \
	X(TRACK_STOPPED)                                                                     \
	X(STREAM_CLOSED)                                                                     \
	X(FENCED)                                                                            \
	X(VERIFIED) /* sink: both digests compared */                                        \
	X(PUNCHED)                                                                           \
	X(READY) /* messages of the peer, from here ... */                                   \
	X(RUNNING)                                                                           \
	X(REFUSED)                                                                           \
	X(STARTING)                                                                          \
	X(CRASHED)                                                                           \
	X(UNKNOWN)                                                                           \
	X(PEER_ABORTED)                                                                      \
	X(PEER_FAILED)                                                                       \
	X(SWITCHOVER)                                                                        \
	X(COMMIT)                                                                            \
	X(GO)                                                                                \
	X(ASK)                                                                               \
	X(END)                                                                               \
	X(PEER_ABORTS)   /* ... to here */                                                   \
	X(TIMER)         /* the time given with the last TIMER action has passed */          \
	X(TIME_UP)       /* max_total_s has passed (once) */                                 \
	X(PEER_GONE)     /* the control connection is lost, or ASK could not reconnect */    \
	X(PEER_BACK)     /* sink: the source came again */                                   \
	X(HV_GONE)       /* a socket of the hypervisor broke */                              \
	X(GUEST_STOPPED) /* by somebody else */                                              \
	X(GUEST_RESUMED) /* by somebody else */                                              \
	X(RESOLVED)      /* source: by a person; value: enum gw_resolution */                \
	X(FAULT)         /* anything else that ends the session: text says what */           \
	X(USER_ABORT)

enum gw_session_event_type {
#define X(e) GW_EV_##e,
	GW_SESSION_EVENTS(X)
#undef X
		GW_EV_N
};

struct gw_session_event {
	enum gw_session_event_type type;
	int result;
	uint64_t value;
	uint64_t now_ns;
	struct gw_convergence_sample sample; /* DRAINED */
	char text[GW_SESSION_TEXT];
};

#define GW_SESSION_ACTIONS(X)                                                               \
	X(TIMER) /* value: ns until TIMER, 0: none. Replaces the earlier one. */            \
	X(HV_OPEN)                                                                          \
	X(HV_CHECK)                                                                         \
	X(HV_PREPARE)                                                                       \
	X(PAUSE)                                                                            \
	X(SAVE)                                                                             \
	X(UNSAVE)                                                                           \
	X(LOAD_OPEN) /* the hypervisor makes itself ready for the device state */           \
	X(LOAD)                                                                             \
	X(RESUME)                                                                           \
	X(QUIT)                                                                             \
	X(ANNOUNCE)     /* no completion */                                                 \
	X(HOOK)         /* value: enum gw_hook_point */                                     \
	X(SEND_PREPARE) /* value: 1 for a dry run */                                        \
	X(MAP)          /* guest memory */                                                  \
	X(WATCH_LINK)                                                                       \
	X(LINK_REASON) /* dry run: the missing link joins the reasons */                    \
	X(ADMITTED)    /* whoever asked for it is told */                                   \
	X(TRACK_START)                                                                      \
	X(TRACK_STOP)                                                                       \
	X(STREAM_CREATE)                                                                    \
	X(STREAM_CLOSE)                                                                     \
	X(WALK)                                                                             \
	X(OPEN_LABEL) /* value: label */                                                    \
	X(SYNC)       /* value: 1 where nobody writes after it */                           \
	X(DRAIN)                                                                            \
	X(AWAIT_IDLE) /* IDLE once more, from now on */                                     \
	X(FIND_HOLES)                                                                       \
	X(PUT_STATE)                                                                        \
	X(RECORD) /* value: enum gw_record_step */                                          \
	X(RECORD_REMOVE)                                                                    \
	X(SEND_SWITCHOVER)                                                                  \
	X(SEND_COMMIT) /* value: label; with verify also starts the digest */               \
	X(SEND_GO)                                                                          \
	X(SEND_ASK) /* reconnects where needed */                                           \
	X(SEND_END)                                                                         \
	X(SEND_ABORT) /* the same */                                                        \
	X(SEND_PREPARED)                                                                    \
	X(SEND_READY)                                                                       \
	X(SEND_STARTING)                                                                    \
	X(SEND_RUNNING)                                                                     \
	X(SEND_REFUSED)                                                                     \
	X(SEND_CRASHED)                                                                     \
	X(SEND_FAILED)                                                                      \
	X(SEND_ABORTED)                                                                     \
	X(FENCE)                                                                            \
	X(VERIFY) /* gives back holes, fetches the state; with verify: digests, compares */ \
	X(PUNCH)                                                                            \
	X(FINISH) /* the session is over: always the last action */

enum gw_session_action_type {
#define X(a) GW_DO_##a,
	GW_SESSION_ACTIONS(X)
#undef X
		GW_DO_N
};

#define GW_SESSION_MAX_ACTIONS 16u

struct gw_session_actions {
	struct {
		enum gw_session_action_type type;
		uint64_t value;
	} list[GW_SESSION_MAX_ACTIONS];
	uint32_t n;
};

const char *gw_session_event_name(enum gw_session_event_type type);
const char *gw_session_action_name(enum gw_session_action_type type);

/* What is on disk about a session: which promise was made last (record.h). */
enum gw_record_step {
	GW_STEP_NONE,
	GW_STEP_PAUSING,  /* source */
	GW_STEP_GO,       /* source */
	GW_STEP_PREPARED, /* sink */
	GW_STEP_LOADING,  /* sink */
	GW_STEP_STARTING, /* sink */
	GW_STEP_RUNNING,  /* sink, kept until END */
	GW_STEP_REFUSED,  /* sink, kept until END */
	GW_STEP_CRASHED,  /* sink, kept until END */
	GW_N_STEPS
};

struct gw_session_conf {
	struct gw_convergence_limits limits;
	uint64_t sync_timeout_ns;
	uint64_t commit_timeout_ns; /* from COMMIT to READY */
	bool dry;                   /* check only */
	uint32_t reasons;           /* against it, that are known before it begins */
	bool verify;
	bool populate_first;
	bool quit_after; /* source: end the hypervisor when the guest runs at the destination */
	bool hooks;
	bool hook_required; /* a before-pause that fails ends the session */
};

/* What both machines say about themselves. */
struct gw_session_view {
	enum gw_phase phase;
	enum gw_result result;
	bool over;
	uint16_t label;        /* open label; 0: none. Epoch = label - 1. */
	uint64_t predicted_ns; /* blackout; 0: not known */
	bool committed;        /* beyond abort */
	bool paused;           /* the guest was told to stop */
	bool urgent;           /* it stands, and waits for the data plane */
	const char *state;     /* for logs and tests */
	const char *error;     /* "" where none */
};

struct gw_src;
int gw_src_create(const struct gw_session_conf *conf, struct gw_src **out);
void gw_src_free(struct gw_src **s);
void gw_src_step(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out);
struct gw_session_view gw_src_view(const struct gw_src *s);
/* The blackout that is allowed, changed in flight: the next decision goes by it. */
void gw_src_blackout_limit(struct gw_src *s, uint64_t blackout_ns);
/* After HV_OPENED, where the kind of hypervisor decides: it must not outlive its guest here. */
void gw_src_quit_after(struct gw_src *s, bool quit);

/* What a person says of a guest that was handed over to a host which does not come back. */
enum gw_resolution {
	GW_RESOLVE_HERE,  /* it is to run here again */
	GW_RESOLVE_THERE, /* it runs there */
	GW_RESOLVE_GONE,  /* it is lost */
};
enum gw_resolve_verdict {
	GW_RESOLVE_OK,
	GW_RESOLVE_UNSURE, /* not without saying that one is sure */
	GW_RESOLVE_STATE,  /* not now */
};

const char *gw_resolution_name(enum gw_resolution r);
int gw_resolution_parse(const char *text, enum gw_resolution *out);
/* Whether RESOLVED may follow; *why says why not. */
enum gw_resolve_verdict gw_src_resolvable(
	const struct gw_src *s, enum gw_resolution r, bool sure, const char **why);

struct gw_dst;
int gw_dst_create(const struct gw_session_conf *conf, struct gw_dst **out);
void gw_dst_free(struct gw_dst **s);
void gw_dst_step(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out);
struct gw_session_view gw_dst_view(const struct gw_dst *s);

/* For the machines: appends an action. A full list is a defect (the tests look for it): the action
 * is dropped. */
static inline void gw_session_do(
	struct gw_session_actions *out, enum gw_session_action_type type, uint64_t value)
{
	if (out->n < GW_SESSION_MAX_ACTIONS) {
		out->list[out->n].type = type;
		out->list[out->n++].value = value;
	}
}
