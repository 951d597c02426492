/* SPDX-License-Identifier: BSD-3-Clause */
/* The destination machine's state, shared by session_sink.c (forward) and session_sink_undo.c
 * (back). */
#pragma once

#include "session.h"

#define GW_SINK_STATES(X)                                            \
	X(NEW)                                                       \
	X(OPENING)                                                   \
	X(CHECKING)                                                  \
	X(MAPPING)                                                   \
	X(RECORDING)                                                 \
	X(PREPARING)                                                 \
	X(CREATING)                                                  \
	X(RECEIVING)                                                 \
	X(RECORDING_LOAD)                                            \
	X(OPENING_LOAD)                                              \
	X(AWAITING_COMMIT)                                           \
	X(FENCING)                                                   \
	X(VERIFYING)                                                 \
	X(LOADING)                                                   \
	X(READY)                                                     \
	X(ALONE)           /* READY, and the source went away */     \
	X(RECORDING_START) /* from here on the guest may have run */ \
	X(STARTING)                                                  \
	X(STARTING_AGAIN)                                            \
	X(RECORDING_RUN)                                             \
	X(RUNNING) /* RUNNING is repeated until END */               \
	X(RECORDING_REFUSE)                                          \
	X(REFUSING) /* its hypervisor is being ended */              \
	X(REFUSED) /* REFUSED is repeated until END */               \
	X(U_FENCING)                                                 \
	X(U_QUITTING)                                                \
	X(U_PUNCHING)                                                \
	X(OVER)

enum sink_state {
#define X(s) K_##s,
	GW_SINK_STATES(X)
#undef X
		K_N
};

struct gw_dst {
	struct gw_session_conf conf;
	enum sink_state state;
	enum gw_phase phase;
	enum gw_result result;
	char error[GW_SESSION_TEXT];
	uint64_t reasons;

	bool begun;      /* there is something to be told when it comes to nothing */
	bool committed;  /* COMMIT came */
	bool was_paused; /* at the source, before the session: it stays paused */
	bool hv_gone;
	bool peer_gone;
	bool timed_out; /* a resume is unaccounted for */
	bool peer_aborts;
	bool unrecorded; /* the outcome could not be written: it is answered from here, and tried
			    again */

	/* Debts: what undo has to give back. */
	bool mapped; /* guest memory may hold pages */
	bool recorded;
	bool stream;       /* not fenced */
	bool loaded;       /* the hypervisor was told that state comes: it cannot be used again */
	bool answer_early; /* ABORTED goes out before the memory is given back */
	bool answered;     /* ABORTED was sent */
	bool ended;        /* REFUSED was heard, or is of no interest any more */
};

void gw_dst_enter(
	struct gw_dst *s, enum sink_state state, uint64_t limit_ns, struct gw_session_actions *out);
void gw_dst_over(struct gw_dst *s, struct gw_session_actions *out);
/* Says READY, now and every second. */
void gw_dst_ready(struct gw_dst *s, struct gw_session_actions *out);
/* States READY, ALONE; RECORDING_START..RUNNING. */
void gw_dst_ready_step(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out);
void gw_dst_start_step(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out);
/* Before STARTING, where the source has not said GO: leaves nothing behind. */
void gw_dst_fail(struct gw_dst *s, enum gw_result result, struct gw_session_actions *out,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* After READY: the guest never ran here and never will. Recorded before its hypervisor is ended. */
void gw_dst_refuse(struct gw_dst *s, struct gw_session_actions *out, const char *text);
/* In RUNNING and REFUSED: the source is gone, and the record goes on answering for this session. */
bool gw_dst_is_alone(const struct gw_dst *s);
/* RECORDED of step: noted, or tried again with the next TIMER. */
void gw_dst_recorded(struct gw_dst *s, const struct gw_session_event *ev);
/* States RECORDING_REFUSE..REFUSED and U_*. */
void gw_dst_undo(
	struct gw_dst *s, const struct gw_session_event *ev, struct gw_session_actions *out);
