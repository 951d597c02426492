/* SPDX-License-Identifier: BSD-3-Clause */
/* The source machine's state, shared by its two files: session_source.c goes forward,
 * session_undo.c goes back. */
#pragma once

#include "session.h"

#define GW_SOURCE_STATES(X)                                                                      \
	X(NEW)                                                                                   \
	X(OPENING)                                                                               \
	X(CHECKING)                                                                              \
	X(ASKING)                                                                                \
	X(MAPPING)                                                                               \
	X(PREPARING)                                                                             \
	X(LINKING)                                                                               \
	X(STARTING)                                                                              \
	X(CREATING)                                                                              \
	X(WALKING)                                                                               \
	X(POPULATING)                                                                            \
	X(OPENING_LABEL)                                                                         \
	X(SENDING)                                                                               \
	X(PACING)                                                                                \
	X(SYNCING)                                                                               \
	X(DRAINING)                                                                              \
	X(HOOKING) /* before-pause runs; the guest does too */                                   \
	X(RECHECKING)                                                                            \
	X(RECORDING_PAUSE)                                                                       \
	X(PAUSING)                                                                               \
	X(FINAL)     /* state is saved while the final epoch starts */                           \
	X(RESYNCING) /* saving may have written guest memory */                                  \
	X(REDRAINING)                                                                            \
	X(REOPENING)                                                                             \
	X(LAST)         /* the last label's pages are on their way */                            \
	X(COMMITTING)   /* until READY */                                                        \
	X(RECORDING_GO) /* from here on the guest never runs here unless the destination refuses \
			 */                                                                      \
	X(GONE)         /* GO is sent */                                                         \
	X(LOST)         /* GO is sent, connection lost: asking */                                \
	X(PERSON)       /* GO is sent and nobody can say what became of it */                    \
	X(SETTLING) /* the guest runs there: let it find its feet before memory is given back */ \
	X(QUITTING)                                                                              \
	X(CLOSING)                                                                               \
	X(U_PEER) /* undo: the destination may hold the disks */                                 \
	X(U_UNSAVING)                                                                            \
	X(U_RESUMING)                                                                            \
	X(U_RETRYING)                                                                            \
	X(U_STOPPING)                                                                            \
	X(U_CLOSING)                                                                             \
	X(U_FORGETTING) /* undo: the destination cleans up, so that a retry works */             \
	X(R_OPENING)    /* recovery */                                                           \
	X(OVER)

enum source_state {
#define X(s) S_##s,
	GW_SOURCE_STATES(X)
#undef X
		S_N
};

struct gw_src {
	struct gw_session_conf conf;
	enum source_state state;
	enum gw_phase phase;
	enum gw_result result;
	char error[GW_SESSION_TEXT];
	uint16_t label;
	uint64_t epoch_start_ns, predicted_ns;
	uint64_t checked_ns; /* with `checked`: when the epoch ended that was sent for the time
				that the check took; 0: it goes on */
	uint32_t fitting;    /* epochs in a row whose predicted blackout fits */
	uint64_t reasons;
	uint32_t resume_tries;
	enum gw_record_step recover; /* NONE: a session begun by somebody */

	/* Facts, whatever the state. */
	bool begun;  /* there is something to be told when it comes to nothing */
	bool hooked; /* before-pause has run */
	bool checked;
	bool paced;     /* this epoch is to last min_epoch */
	bool announced; /* the destination's hypervisor gets ready */
	bool populated;
	bool time_up;
	bool was_paused; /* somebody else holds the guest paused */
	bool hv_gone;
	bool peer_gone;

	/* Debts: what undo has to give back. */
	bool peer_asked; /* the destination may hold something of this session */
	bool peer_clear; /* ... and said that it no longer does */
	bool recorded;
	bool held;    /* the guest was told to pause */
	bool saved;   /* its device state was asked for */
	bool loading; /* the destination was told to load */
	bool tracking;
	bool stream;
	bool owes_end; /* the destination keeps its refusal until END */

	bool sync_once; /* after the pause: no SYNC before the device state is saved */
	bool label_done, state_done, holes_done; /* the three parts of FINAL */
};

/* Enters a state; limit_ns 0: no time limit. */
void gw_src_enter(struct gw_src *s, enum source_state state, uint64_t limit_ns,
	struct gw_session_actions *out);
/* True where ev is the completion waited for and it succeeded; a failed one ends the session: what
 * names it. */
bool gw_src_done(struct gw_src *s, const struct gw_session_event *ev,
	enum gw_session_event_type type, const char *what, struct gw_session_actions *out);
void gw_src_sync(struct gw_src *s, enum source_state state, struct gw_session_actions *out);
void gw_src_sync_late(struct gw_src *s, struct gw_session_actions *out);
/* Opens the next label. */
void gw_src_open(struct gw_src *s, enum source_state state, struct gw_session_actions *out);

/* The phases: one step in one of their states. */
void gw_src_trace(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out);
void gw_src_precopy(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out);
/* The blackout fits: switches over, or first looks at the hazards once more. */
void gw_src_switch(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out);
void gw_src_switchover(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out);
void gw_src_commit(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out);

/* Ends the session before GO: result and text are kept (the first ones), then everything is given
 * back. */
void gw_src_fail(struct gw_src *s, enum gw_result result, struct gw_session_actions *out,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* States U_* and R_OPENING. */
void gw_src_undo(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out);
/* After GO: the guest resumes here. That it does not run there is certain. */
void gw_src_take_back(struct gw_src *s, struct gw_session_actions *out, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* After GO: the guest is not this host's any more. */
void gw_src_let_go(
	struct gw_src *s, enum gw_result result, const char *error, struct gw_session_actions *out);
/* After GO without a connection: only its host or a person can say what became of the guest. */
void gw_src_lost(struct gw_src *s, struct gw_session_actions *out);
/* RESOLVED, in session_resolve.c. */
void gw_src_resolved(struct gw_src *s, enum gw_resolution r, struct gw_session_actions *out);
