/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commit, from the moment the source is about to pause its guest: both daemons with their
 * records, both hypervisors, the control connection, and what may befall them. States, records and
 * messages have the names of the code (tests/model/names compares them); an inline does what the
 * function of its name does.
 *
 * FAULTS things go wrong at most, in any order and at any moment: a daemon or a hypervisor dies, a
 * host loses power, the connection breaks with all that is on its way, a message is repeated or
 * overtaken, an operation fails or is not answered, a record cannot be written, a user aborts. Timers
 * run out when they like. From some moment on all is calm: what is down comes back, nothing else goes
 * wrong, and a timer waits until nothing else can happen; then the session has to come to its end
 * (`judge`) within STEPS timers and messages.
 *
 * -DBREAK_... breaks a commit rule, -DWAS_PAUSED moves a guest that somebody had paused.
 */
#ifndef FAULTS
#define FAULTS 3
#endif
#define STEPS 16

/* enum source_state, from the switchover on */
mtype = {
	S_RECORDING_PAUSE, S_PAUSING, S_FINAL, S_RESYNCING, S_REDRAINING, S_REOPENING, S_LAST,
	S_COMMITTING, S_RECORDING_GO, S_GONE, S_LOST, S_PERSON, S_SETTLING, S_QUITTING, S_CLOSING,
	S_U_PEER, S_U_UNSAVING, S_U_RESUMING, S_U_RETRYING, S_U_STOPPING, S_U_CLOSING, S_U_FORGETTING,
	S_R_OPENING, S_OVER
}

/* enum sink_state, from the switchover on */
mtype = {
	K_RECEIVING, K_RECORDING_LOAD, K_OPENING_LOAD, K_AWAITING_COMMIT, K_FENCING, K_VERIFYING,
	K_LOADING, K_READY, K_ALONE, K_RECORDING_START, K_STARTING, K_STARTING_AGAIN,
	K_RECORDING_RUN, K_RUNNING, K_RECORDING_REFUSE, K_REFUSING, K_REFUSED,
	K_U_FENCING, K_U_QUITTING, K_U_PUNCHING, K_OVER
}

/* enum gw_record_step */
mtype = {
	STEP_NONE, STEP_PAUSING, STEP_GO, STEP_PREPARED, STEP_LOADING, STEP_STARTING, STEP_RUNNING,
	STEP_REFUSED, STEP_CRASHED
}

/* enum gw_message_type, from the switchover on */
mtype = {
	SWITCHOVER, COMMIT, READY, GO, ASK, STARTING, RUNNING, REFUSED, CRASHED, UNKNOWN, END, ABORT,
	ABORTED, FAILED
}

/* What recovery.c does at the destination: it has no enum. */
mtype = { R_OPENING, R_QUITTING, R_RESUMING, R_RETRYING }

/* A hypervisor: its life, the request it has not taken yet, and its answer. */
mtype = { PAUSED, RUNS, DEAD, NOTHING, STOP, CONT, QUIT, OK, ERROR, UNSURE }

/* The source's host. */
bool s_up = true;
mtype s = S_RECORDING_PAUSE;
#ifdef BREAK_PAUSING_LATE
mtype s_rec = STEP_NONE;
#else
mtype s_rec = STEP_PAUSING;
#endif
mtype s_recover = STEP_NONE;
bool s_held, s_saved, s_loading, s_owes_end;
bool s_peer_asked = true, s_peer_clear, s_peer_gone, s_hv_gone;
bool s_tracking = true, s_stream = true;
bool s_tell_gone, s_tell_hv; /* events on their way: the peer, the hypervisor is gone */
#ifdef WAS_PAUSED
#define was_paused true
mtype sq = PAUSED;
#else
#define was_paused false
mtype sq = RUNS;
#endif
mtype sq_cmd = NOTHING, s_ans = NOTHING;

/* The destination's host. */
bool d_up = true;
mtype d = K_RECEIVING, d_rec = STEP_PREPARED;
mtype r_step = STEP_NONE; /* recovery's own copy of the record's step */
bool d_committed, d_loaded, d_stream = true, d_mapped = true;
bool d_early, d_answered, d_ended, d_unrecorded, d_timed_out, d_peer_gone, d_peer_aborts, d_hv_gone;
bool d_tell_gone, d_tell_hv;
mtype dq = PAUSED, dq_cmd = NOTHING, d_ans = NOTHING;

/* The control connection, and who of the two sessions holds it. */
bool link = true, s_conn = true, d_conn = true;
chan to_s = [8] of { mtype };
chan to_d = [8] of { mtype };

byte faults;
bool calm, s_turned;
byte steps;

/* What really happened, which nobody in the model asks. */
bool ran_there;        /* the guest has run at the destination */
bool s_died, d_died;   /* that hypervisor died by itself, or with its host */
bool record_lost;      /* a host lost its records, or one could not be written */
bool s_gave_up;        /* the source aborted: it must never say GO */
bool d_began;          /* STARTING was recorded once */
mtype outcome = NOTHING; /* the destination's word */

#define FAULT (!calm && faults < FAULTS)
#define S_ARMED                                                                                \
	(s == S_COMMITTING || s == S_GONE || s == S_LOST || s == S_SETTLING || s == S_U_PEER ||  \
		s == S_U_RETRYING || s == S_U_FORGETTING)
#define D_ARMED                                                                                \
	(d == K_READY || d == K_ALONE || d == K_STARTING_AGAIN || d == K_RUNNING ||            \
		d == K_REFUSED && !d_ended || d == R_RETRYING)
/* In the calm neither end's timers wait for ever: they take turns. */
#define S_TIMER (!calm || (timeout && steps < STEPS && (!s_turned || !D_ARMED)))
#define D_TIMER (!calm || (timeout && steps < STEPS && (s_turned || !S_ARMED)))
#define S_BEFORE_GO                                                                           \
	(s == S_RECORDING_PAUSE || s == S_PAUSING || s == S_FINAL || s == S_RESYNCING ||      \
		s == S_REDRAINING || s == S_REOPENING || s == S_LAST || s == S_COMMITTING)
#define S_UNDOES                                                                              \
	(s == S_U_PEER || s == S_U_UNSAVING || s == S_U_RESUMING || s == S_U_RETRYING ||      \
		s == S_U_STOPPING || s == S_U_CLOSING || s == S_U_FORGETTING)
/* A record is written and answered within one turn of the loop. */
#define S_RECORDS (s == S_RECORDING_PAUSE || s == S_RECORDING_GO)
#define D_RECORDS                                                                             \
	(d == K_RECORDING_LOAD || d == K_RECORDING_START || d == K_RECORDING_RUN ||           \
		d == K_RECORDING_REFUSE)
#define D_RECOVERS (d == R_OPENING || d == R_QUITTING || d == R_RESUMING || d == R_RETRYING)
#define D_LIVES (d != K_OVER && !D_RECOVERS)
#define D_BEFORE_READY                                                                        \
	(d == K_RECEIVING || d == K_RECORDING_LOAD || d == K_OPENING_LOAD ||                  \
		d == K_AWAITING_COMMIT || d == K_FENCING || d == K_VERIFYING || d == K_LOADING)

inline count_step() {
	if
	:: calm -> steps++
	:: else
	fi
}

/* A message that still waits is not said twice: one that is repeated for ever would fill the queue.
 * A full queue would lose one in silence. */
inline put(queue, m) {
	if
	:: queue??[m]
	:: else ->
		assert(nfull(queue));
		queue!m
	fi
}

inline s_send(m) {
	if
	:: s_conn && link -> put(to_d, m)
	:: else
	fi
}

inline d_say(m) {
	if
	:: m == RUNNING || m == REFUSED || m == CRASHED ->
		assert(outcome == NOTHING || outcome == m || record_lost /* one outcome */);
		outcome = m
	:: else
	fi;
	put(to_s, m)
}

inline d_send(m) {
	if
	:: d_conn && link -> d_say(m)
	:: else
	fi
}

inline break_link() {
	do
	:: to_s?_
	:: empty(to_s) -> break
	od;
	do
	:: to_d?_
	:: empty(to_d) -> break
	od;
	s_tell_gone = s_tell_gone || s_conn;
	d_tell_gone = d_tell_gone || d_conn;
	link = false
}

/* ---- the hypervisors ---- */

inline sq_ask(cmd) {
	s_ans = NOTHING;
	if
	:: sq == DEAD -> s_ans = (cmd == QUIT -> OK : ERROR)
	:: else -> sq_cmd = cmd
	fi
}

inline sq_run() {
	assert(dq != RUNS /* two runners */);
	assert(!ran_there /* resumed at the source after it had run at the destination */);
	sq = RUNS
}

inline dq_run() {
	assert(sq != RUNS /* two runners */);
	ran_there = true;
	dq = RUNS
}

/* A request that waits in the socket of a daemon that has died or gone on: taken, or lost. */
inline sq_flush() {
	if
	:: sq_cmd == CONT -> sq_run()
	:: sq_cmd == STOP && sq == RUNS -> sq = PAUSED
	:: sq_cmd == QUIT -> sq = DEAD
	:: true
	fi;
	sq_cmd = NOTHING
}

inline dq_flush() {
	if
	:: dq_cmd == CONT -> dq_run()
	:: dq_cmd == QUIT -> dq = DEAD
	:: true
	fi;
	dq_cmd = NOTHING
}

inline dq_ask(cmd) {
	d_ans = NOTHING;
	dq_flush();
	if
	:: dq == DEAD -> d_ans = (cmd == QUIT -> OK : ERROR)
	:: else -> dq_cmd = cmd
	fi
}

proctype source_hypervisor() {
end:	do
	:: atomic { sq != DEAD && sq_cmd == STOP ->
		sq_cmd = NOTHING;
		s_ans = OK;
		sq = PAUSED }
	:: atomic { sq != DEAD && sq_cmd == CONT ->
		sq_cmd = NOTHING;
		s_ans = OK;
		sq_run() }
	:: atomic { sq != DEAD && sq_cmd == QUIT ->
		sq_cmd = NOTHING;
		s_ans = OK;
		sq = DEAD }
	:: atomic { sq != DEAD && (sq_cmd == STOP || sq_cmd == CONT) && FAULT ->
		faults++;
		sq_cmd = NOTHING;
		s_ans = ERROR }
	:: atomic { sq != DEAD && FAULT ->
		faults++;
		sq = DEAD;
		sq_cmd = NOTHING;
		s_ans = NOTHING;
		s_died = true;
		s_tell_hv = s_up && s != S_OVER && s != S_R_OPENING }
	od
}

proctype sink_hypervisor() {
end:	do
	:: atomic { dq != DEAD && dq_cmd == CONT ->
		dq_cmd = NOTHING;
		d_ans = OK;
		dq_run() }
	:: atomic { dq != DEAD && dq_cmd == QUIT ->
		dq_cmd = NOTHING;
		d_ans = OK;
		dq = DEAD }
	/* refused in so many words */
	:: atomic { dq != DEAD && dq_cmd == CONT && FAULT ->
		faults++;
		dq_cmd = NOTHING;
		d_ans = ERROR }
	/* taken, and the guest stands again when it is looked at */
	:: atomic { dq != DEAD && dq_cmd == CONT && FAULT ->
		faults++;
		dq_cmd = NOTHING;
#ifdef BREAK_TAKEN_REFUSES
		d_ans = ERROR;
#else
		d_ans = UNSURE;
#endif
		dq_run();
		dq = PAUSED }
	/* not answered in time: it may be taken later */
	:: atomic { dq != DEAD && dq_cmd == CONT && d_ans == NOTHING && FAULT ->
		faults++;
		d_ans = UNSURE }
	:: atomic { dq != DEAD && FAULT ->
		faults++;
		dq = DEAD;
		dq_cmd = NOTHING;
		d_ans = NOTHING;
		d_died = true;
		d_tell_hv = d_up && D_LIVES }
	od
}

/* ---- the source: session_switchover.c, session_commit.c, session_undo.c ---- */

inline src_over() {
	s = S_OVER;
	s_conn = false;
	s_tell_gone = false;
	s_tell_hv = false
}

inline src_next() {
	if
	:: s_hv_gone ->
		s_held = false;
		s_saved = false;
		s_tracking = false
	:: else
	fi;
	if
	:: (s_held || s_saved) && s_loading && !s_peer_clear && !s_peer_gone -> s = S_U_PEER
	:: !s_held && s_saved && !(s_loading && !s_peer_clear && !s_peer_gone) ->
		s_saved = false;
		s = S_U_UNSAVING
	:: s_held && !(s_loading && !s_peer_clear && !s_peer_gone) ->
		s = S_U_RESUMING;
		sq_ask(CONT)
	:: !s_held && !s_saved ->
		if
		:: s_rec != STEP_NONE ->
			s_rec = STEP_NONE;
			if
			:: s_owes_end -> s_send(END)
			:: else
			fi
		:: else
		fi;
		if
		:: s_tracking ->
			s_tracking = false;
			s = S_U_STOPPING
		:: !s_tracking && s_stream ->
			s_stream = false;
			s = S_U_CLOSING
		:: !s_tracking && !s_stream && s_peer_asked && !s_peer_clear && !s_peer_gone ->
			s_peer_asked = false;
			s = S_U_FORGETTING
		:: else -> src_over()
		fi
	fi
}

inline src_fail() {
	s_gave_up = true;
	if
	:: s_peer_asked && !s_peer_clear && !s_peer_gone ->
#ifndef BREAK_ABORT_SILENT
		s_send(ABORT)
#endif
	:: else
	fi;
	src_next()
}

inline src_take_back() {
	s_peer_clear = true;
	s_owes_end = true;
	src_next()
}

inline src_close_stream() {
	s_rec = STEP_NONE;
	s_send(END);
	if
	:: s_stream ->
		s_stream = false;
		s = S_CLOSING
	:: else -> src_over()
	fi
}

inline src_let_go() {
	if
	:: s = S_QUITTING; /* after: quit */
		sq_ask(QUIT)
	:: src_close_stream() /* after: leave */
	fi
}

inline src_go() {
	assert(!s_gave_up /* GO after an abort */);
	s_send(GO)
}

/* SEND_ASK, in source_run.c: reconnects where needed. */
inline src_ask() {
	if
	:: s_conn -> s_send(ASK)
	:: !s_conn && s_tell_gone /* reconnecting */
	:: !s_conn && !s_tell_gone && d_up && !d_tell_gone ->
		link = true;
		s_conn = true;
		s_send(ASK)
	:: !s_conn && !s_tell_gone && !(d_up && !d_tell_gone) -> s_tell_gone = true
	fi
}

inline src_message(m) {
	if
	:: m == ABORTED -> s_peer_clear = true
	:: else
	fi;
	if
	:: S_BEFORE_GO && (m == ABORTED || m == FAILED) -> src_fail()
	:: s == S_COMMITTING && m == READY ->
		s = S_RECORDING_GO;
#ifdef BREAK_GO_LATE
		src_go()
#else
		s_rec = STEP_GO
#endif
	:: (s == S_GONE || s == S_LOST || s == S_PERSON) && m == RUNNING -> s = S_SETTLING
	:: (s == S_GONE || s == S_LOST || s == S_PERSON) && m == REFUSED ->
		assert(!ran_there /* refused after it had run */);
		assert(dq == DEAD /* refused with its hypervisor alive */);
		src_take_back()
	:: (s == S_GONE || s == S_LOST) && m == CRASHED -> s = S_PERSON
	:: (s == S_GONE || s == S_LOST) && m == UNKNOWN ->
		assert(record_lost /* unknown, with all records there */);
#ifdef BREAK_UNKNOWN_REFUSES
		src_take_back()
#else
		s = S_PERSON
#endif
	:: (s == S_GONE || s == S_LOST) && m == READY ->
		src_go();
		s = S_GONE
	:: (s == S_GONE || s == S_LOST) && m == STARTING -> s = S_GONE
	:: S_UNDOES && m == READY && !s_peer_clear ->
#ifndef BREAK_ABORT_SILENT
		s_send(ABORT)
#endif
	:: (s == S_U_PEER || s == S_U_FORGETTING) && m == ABORTED -> src_next()
	:: else
	fi
}

proctype source() {
	mtype m;
end:	do
	/* forward */
	:: atomic { s_up && s == S_RECORDING_PAUSE ->
		if
		:: was_paused ->
			s_saved = true;
			s = S_FINAL
		:: else ->
			s_held = true;
			s = S_PAUSING;
			sq_ask(STOP)
		fi }
	:: atomic { s_up && s == S_PAUSING && s_ans == OK ->
		s_ans = NOTHING;
		s_saved = true;
#ifdef BREAK_PAUSING_LATE
		s_rec = STEP_PAUSING;
#endif
		s = S_FINAL }
	:: atomic { s_up && s == S_PAUSING && s_ans == ERROR ->
		s_ans = NOTHING;
		src_fail() }
	:: atomic { s_up && s == S_FINAL -> s = S_RESYNCING }
	:: atomic { s_up && s == S_RESYNCING -> s = S_REDRAINING }
	:: atomic { s_up && s == S_REDRAINING -> s = S_REOPENING }
	:: atomic { s_up && (s == S_REDRAINING || s == S_REOPENING) -> s = S_LAST }
	:: atomic { s_up && s == S_LAST ->
		s_loading = true;
		s = S_COMMITTING;
		s_send(COMMIT) }
	:: atomic { s_up && s == S_COMMITTING && S_TIMER ->
		count_step();
		s_turned = calm;
		src_fail() }
	/* FAULT, USER_ABORT; a record that could not be written */
	:: atomic { s_up && (S_BEFORE_GO || s == S_RECORDING_GO) && FAULT ->
		faults++;
		if
		:: s == S_RECORDING_GO -> s_rec = STEP_PAUSING
		:: else
		fi;
		src_fail() }
	:: atomic { s_up && s == S_RECORDING_GO ->
#ifdef BREAK_GO_LATE
		s_rec = STEP_GO;
		s = S_GONE }
#else
		if
		:: s_peer_gone -> s = S_LOST
		:: else ->
			s = S_GONE;
			src_go()
		fi }
#endif
	:: atomic { s_up && (s == S_GONE || s == S_LOST) && S_TIMER ->
		count_step();
		s_turned = calm;
#ifdef BREAK_GUESS
		if
		:: s == S_LOST -> src_take_back()
		:: else -> src_ask()
		fi }
#else
		src_ask() }
#endif
	:: atomic { s_up && s == S_SETTLING && S_TIMER ->
		count_step();
		s_turned = calm;
		src_let_go() }
	:: atomic { s_up && s == S_QUITTING && s_ans == OK ->
		s_ans = NOTHING;
		src_close_stream() }
	:: atomic { s_up && s == S_CLOSING -> src_over() }
	/* back */
	:: atomic { s_up && (s == S_U_PEER || s == S_U_FORGETTING) && S_TIMER ->
		count_step();
		s_turned = calm;
		s_loading = (s == S_U_PEER -> false : s_loading);
		src_next() }
	:: atomic { s_up && s == S_U_UNSAVING -> src_next() }
	:: atomic { s_up && s == S_U_RESUMING && s_ans == OK ->
		s_ans = NOTHING;
		s_held = false;
		s_saved = false;
		src_next() }
	:: atomic { s_up && s == S_U_RESUMING && s_ans == ERROR ->
		s_ans = NOTHING;
		s = S_U_RETRYING }
	:: atomic { s_up && s == S_U_RETRYING && S_TIMER ->
		count_step();
		s_turned = calm;
		src_next() }
	:: atomic { s_up && (s == S_U_STOPPING || s == S_U_CLOSING) -> src_next() }
	/* recovered() */
	:: atomic { s_up && s == S_R_OPENING ->
		sq_flush();
		s_hv_gone = sq == DEAD;
		s_held = !was_paused;
		s_saved = true;
		if
		:: s_recover == STEP_GO ->
			s = S_LOST;
			src_ask()
		:: else -> src_fail()
		fi }
	/* what comes of itself */
	:: atomic { s_up && s_tell_hv ->
		s_tell_hv = false;
		s_hv_gone = true;
		if
		:: S_BEFORE_GO -> src_fail()
		:: S_UNDOES && s != S_U_FORGETTING && s != S_U_CLOSING -> src_next()
		:: s == S_QUITTING -> s_ans = OK
		:: else
		fi }
	:: atomic { s_up && s_tell_gone ->
		s_tell_gone = false;
		s_conn = false;
		s_peer_gone = true;
		if
		:: S_BEFORE_GO -> src_fail()
		:: s == S_GONE -> s = S_LOST
		:: s == S_U_PEER || s == S_U_FORGETTING -> src_next()
		:: else
		fi }
	:: atomic { s_up && !S_RECORDS && nempty(to_s) ->
		count_step();
		to_s?m;
		if
		:: s_conn -> src_message(m)
		:: else
		fi;
		m = STEP_NONE }
	od
}

/* ---- the destination: session_sink*.c, recovery.c, answers.c ---- */

inline dst_over() {
	d = K_OVER;
	d_conn = false;
	d_tell_gone = false;
	d_tell_hv = false
}

inline dst_ready() {
	d = K_READY;
	d_send(READY)
}

inline dst_next() {
	if
	:: d_stream ->
		d_stream = false;
		d = K_U_FENCING
	:: !d_stream && d_loaded ->
		d_loaded = false;
		d = K_U_QUITTING;
		dq_ask(QUIT)
	:: else ->
		if
		:: d_early && !d_answered ->
			d_answered = true;
			d_send(ABORTED)
		:: else
		fi;
		if
		:: d_mapped ->
			d_mapped = false;
			d = K_U_PUNCHING
		:: else ->
			d_rec = STEP_NONE;
			if
			:: !d_answered -> d_send(ABORTED)
			:: else
			fi;
			dst_over()
		fi
	fi
}

inline dst_fail() {
	d_early = d_loaded;
	if
	:: !d_peer_gone -> d_send(FAILED)
	:: else
	fi;
	if
	:: d == K_FENCING -> d = K_U_FENCING
	:: else -> dst_next()
	fi
}

inline dst_quit() {
	d = K_REFUSING;
	dq_ask(QUIT)
}

/* RECORD of an outcome: where it cannot be written, the machine goes on answering itself. */
inline dst_record(step) {
	if
	:: d_rec = step;
		d_unrecorded = false
	:: FAULT ->
		faults++;
		d_unrecorded = true;
		record_lost = true
	fi
}

inline dst_refuse() {
	d = K_RECORDING_REFUSE;
#ifndef BREAK_REFUSED_LATE
	dst_record(STEP_REFUSED)
#endif
}

inline dst_forget() {
	d_send(ABORTED);
	d_ended = true
}

/* Without the source the record goes on answering; REFUSED waits for the memory too. */
inline dst_over_alone() {
	if
	:: d == K_REFUSED && d_mapped -> skip
	:: d == K_REFUSED && !d_mapped && d_ended ->
		d_rec = STEP_NONE;
		dst_over()
	:: (d != K_REFUSED || (!d_mapped && !d_ended)) && d_peer_gone && !d_unrecorded -> dst_over()
	:: else
	fi
}

/* TIMER in RUNNING and REFUSED. */
inline dst_repeat(step, m) {
	d_send(m);
	if
	:: d_unrecorded ->
		dst_record(step);
		dst_over_alone()
	:: else
	fi
}

inline dst_refused() {
#ifdef BREAK_REFUSED_LATE
	d_rec = STEP_REFUSED;
#endif
	d = K_REFUSED;
	if
	:: d_peer_aborts -> dst_forget()
	:: else ->
		d_send(REFUSED);
#ifdef BREAK_FORGETS_REFUSED
		d_rec = STEP_NONE;
		dst_over()
#endif
	fi
}

inline dst_start() {
	assert(!d_began /* started twice */);
	d_began = true;
	d = K_RECORDING_START;
#ifndef BREAK_STARTING_LATE
	if
	:: d_rec = STEP_STARTING
	:: FAULT ->
		faults++;
		record_lost = true
	fi
#endif
}

inline dst_crashed() {
#ifdef BREAK_CRASH_REFUSES
	dst_refuse()
#else
	d_rec = STEP_CRASHED;
	d_send(CRASHED);
	dst_over()
#endif
}

inline dst_resume() {
	d = K_STARTING;
	dq_ask(CONT)
}

inline dst_message(m) {
	if
	:: m == COMMIT -> d_committed = true
	:: m == ABORT -> d_peer_aborts = true
	:: else
	fi;
	if
	:: d == K_RECEIVING && (m == SWITCHOVER || m == COMMIT) ->
		d = K_RECORDING_LOAD;
		d_rec = STEP_LOADING
	:: d == K_AWAITING_COMMIT && m == COMMIT ->
		d_stream = false;
		d = K_FENCING
	:: (D_BEFORE_READY || d == K_READY || d == K_ALONE) && m == ABORT -> dst_fail()
	:: (d == K_READY || d == K_ALONE) && m == GO -> dst_start()
	:: (d == K_READY || d == K_ALONE) && m == ASK -> dst_ready()
	:: (d == K_STARTING || d == K_STARTING_AGAIN || d == K_REFUSING) && m == ASK ->
		d_send(STARTING)
	:: d == K_RUNNING && m == END ->
		d_rec = STEP_NONE;
		dst_over()
	:: d == K_RUNNING && (m == ASK || m == GO) -> d_send(RUNNING)
	:: d == K_REFUSED && m == END ->
		d_ended = true;
		dst_over_alone()
	:: d == K_REFUSED && m == ABORT ->
		dst_forget();
		dst_over_alone()
	:: d == K_REFUSED && !d_ended && (m == ASK || m == GO) -> d_send(REFUSED)
	:: else
	fi
}

inline tell_outcome() {
	if
	:: D_RECOVERS -> d_say(STARTING)
	:: !D_RECOVERS && d_rec == STEP_RUNNING -> d_say(RUNNING)
	:: !D_RECOVERS && d_rec == STEP_REFUSED -> d_say(REFUSED)
	:: !D_RECOVERS && d_rec == STEP_CRASHED -> d_say(CRASHED)
	:: !D_RECOVERS && (d_rec == STEP_LOADING || d_rec == STEP_STARTING) -> d_say(STARTING)
	:: else -> d_say(UNKNOWN)
	fi
}

/* gw_answer_for_ended() */
inline dst_answer(m) {
	if
	:: m == ASK || m == GO -> tell_outcome()
	/* still being settled: the record is recovery's */
	:: (m == END || m == ABORT) && D_RECOVERS
	:: m == END && !D_RECOVERS && (d_rec == STEP_RUNNING || d_rec == STEP_REFUSED || d_rec == STEP_CRASHED) ->
		d_rec = STEP_NONE
	:: m == ABORT && !D_RECOVERS && (d_rec == STEP_NONE || d_rec == STEP_PREPARED || d_rec == STEP_REFUSED) ->
		d_rec = STEP_NONE;
		d_say(ABORTED)
	:: m == ABORT && !D_RECOVERS && (d_rec == STEP_LOADING || d_rec == STEP_STARTING ||
		d_rec == STEP_RUNNING || d_rec == STEP_CRASHED) -> tell_outcome()
	:: else
	fi
}

proctype sink() {
	mtype m;
end:	do
	/* forward */
	:: atomic { d_up && d == K_RECORDING_LOAD ->
		d_loaded = true;
		d = K_OPENING_LOAD }
	:: atomic { d_up && d == K_OPENING_LOAD ->
		if
		:: d_committed ->
			d_stream = false;
			d = K_FENCING
		:: else -> d = K_AWAITING_COMMIT
		fi }
	:: atomic { d_up && d == K_FENCING -> d = K_VERIFYING }
	:: atomic { d_up && d == K_VERIFYING -> d = K_LOADING }
	:: atomic { d_up && d == K_LOADING -> dst_ready() }
	/* FAULT, USER_ABORT, an operation that fails */
	:: atomic { d_up && D_BEFORE_READY && FAULT ->
		faults++;
		dst_fail() }
	:: atomic { d_up && (d == K_READY || d == K_ALONE) && FAULT ->
		faults++;
		dst_refuse() }
	:: atomic { d_up && d == K_READY && D_TIMER ->
		count_step();
		s_turned = false;
		dst_ready() }
	:: atomic { d_up && d == K_ALONE && D_TIMER ->
		count_step();
		s_turned = false;
#ifdef BREAK_ALONE_STARTS
		dst_start() }
#else
		dst_refuse() }
#endif
	:: atomic { d_up && d == K_RECORDING_START ->
#ifdef BREAK_STARTING_LATE
		dst_resume() }
#else
		if
		:: d_rec != STEP_STARTING || d_hv_gone -> dst_refuse()
		:: d_rec == STEP_STARTING && !d_hv_gone && was_paused ->
			d = K_RECORDING_RUN;
			dst_record(STEP_RUNNING)
		:: d_rec == STEP_STARTING && !d_hv_gone && !was_paused -> dst_resume()
		fi }
#endif
	/* started() */
	:: atomic { d_up && d == K_STARTING && (d_ans == OK || d_ans == ERROR || d_ans == UNSURE) ->
		if
		:: d_ans == OK ->
			d = K_RECORDING_RUN;
			dst_record(STEP_RUNNING)
		:: d_ans == ERROR && dq == DEAD -> dst_crashed()
#ifdef BREAK_TIMEOUT_REFUSES
		:: d_ans == UNSURE -> dst_refuse()
#else
		:: d_ans == UNSURE ->
			d_timed_out = true;
			d = K_STARTING_AGAIN
#endif
		:: d_ans == ERROR && dq != DEAD && d_timed_out -> d = K_STARTING_AGAIN
		:: d_ans == ERROR && dq != DEAD && !d_timed_out -> dst_refuse()
		fi;
		d_ans = NOTHING }
	:: atomic { d_up && d == K_STARTING_AGAIN && D_TIMER ->
		count_step();
		s_turned = false;
		dst_resume() }
	:: atomic { d_up && d == K_RECORDING_RUN ->
		d = K_RUNNING;
		d_send(RUNNING);
#ifdef BREAK_FORGETS_RUNNING
		d_rec = STEP_NONE;
		dst_over() }
#else
		dst_over_alone() }
#endif
	:: atomic { d_up && d == K_RUNNING && D_TIMER ->
		count_step();
		s_turned = false;
		dst_repeat(STEP_RUNNING, RUNNING) }
	/* back */
	:: atomic { d_up && d == K_RECORDING_REFUSE -> dst_quit() }
	:: atomic { d_up && d == K_REFUSING && d_ans == OK ->
		d_ans = NOTHING;
		dst_refused() }
	:: atomic { d_up && d == K_REFUSING && d_ans == NOTHING && D_TIMER ->
		count_step();
		s_turned = false;
		dst_quit() }
	:: atomic { d_up && d == K_REFUSED && d_mapped ->
		d_mapped = false;
		dst_over_alone() }
	:: atomic { d_up && d == K_REFUSED && !d_ended && D_TIMER ->
		count_step();
		s_turned = false;
		dst_repeat(STEP_REFUSED, REFUSED) }
	:: atomic { d_up && (d == K_U_FENCING || d == K_U_PUNCHING) -> dst_next() }
	:: atomic { d_up && d == K_U_QUITTING && d_ans == OK ->
		d_ans = NOTHING;
		dst_next() }
	/* after a restart: recovery.c */
	:: atomic { d_up && d == R_OPENING ->
		dq_flush();
		if
		:: dq == DEAD ->
			r_step = (r_step == STEP_STARTING -> STEP_CRASHED : STEP_REFUSED);
			d_rec = r_step;
			r_step = STEP_NONE;
			d = K_OVER
		:: dq != DEAD && (r_step == STEP_LOADING || r_step == STEP_REFUSED) ->
			r_step = STEP_REFUSED;
			d_rec = STEP_REFUSED;
			d = R_QUITTING;
			dq_ask(QUIT)
		:: dq != DEAD && r_step == STEP_STARTING && was_paused ->
			d_rec = STEP_RUNNING;
			r_step = STEP_NONE;
			d = K_OVER
		:: dq != DEAD && r_step == STEP_STARTING && !was_paused ->
			d = R_RESUMING;
			dq_ask(CONT)
		fi }
	:: atomic { d_up && d == R_QUITTING && (d_ans == OK || dq == DEAD) ->
		d_ans = NOTHING;
		r_step = STEP_NONE;
		d = K_OVER }
	:: atomic { d_up && d == R_RESUMING && (d_ans == OK || dq == DEAD) ->
		d_rec = (dq == DEAD -> STEP_CRASHED : STEP_RUNNING);
		d_ans = NOTHING;
		r_step = STEP_NONE;
		d = K_OVER }
	:: atomic { d_up && d == R_RESUMING && dq != DEAD && (d_ans == ERROR || d_ans == UNSURE) ->
		d_ans = NOTHING;
#ifdef BREAK_RESTART_REFUSES
		r_step = STEP_REFUSED;
		d_rec = STEP_REFUSED;
		d = R_QUITTING;
		dq_ask(QUIT) }
#else
		d = R_RETRYING }
#endif
	:: atomic { d_up && d == R_RETRYING && D_TIMER ->
		count_step();
		s_turned = false;
		d = R_OPENING }
	/* what comes of itself */
	:: atomic { d_up && d_tell_hv && !D_RECORDS ->
		d_tell_hv = false;
		d_hv_gone = true;
		if
		:: D_BEFORE_READY -> dst_fail()
		:: d == K_READY || d == K_ALONE -> dst_refuse()
		:: d == K_STARTING || d == K_STARTING_AGAIN ->
			d_ans = NOTHING;
			dst_crashed()
		:: d == K_RUNNING && !d_unrecorded -> dst_over()
		:: d == K_REFUSING || d == K_U_QUITTING -> d_ans = OK
		:: else
		fi }
	/* a hypervisor that dies before STARTING is answered is known by then */
	:: atomic { d_up && d_tell_hv && d == K_RECORDING_START ->
		d_tell_hv = false;
		d_hv_gone = true }
	:: atomic { d_up && d_tell_gone ->
		d_tell_gone = false;
		d_conn = false;
		d_peer_gone = true;
		if
		:: D_BEFORE_READY -> dst_fail()
		:: d == K_READY || d == K_ALONE -> d = K_ALONE
		:: d == K_RUNNING || d == K_REFUSED -> dst_over_alone()
		:: else
		fi }
	:: atomic { d_up && !D_RECORDS && !d_tell_gone && nempty(to_d) ->
		count_step();
		to_d?m;
		if
		:: D_LIVES && !d_conn -> /* PEER_BACK */
			d_conn = true;
			d_peer_gone = false;
			if
			:: d == K_READY || d == K_ALONE -> dst_ready()
			:: else
			fi
		:: else
		fi;
		if
		:: D_LIVES -> dst_message(m)
		:: else -> dst_answer(m)
		fi;
		m = STEP_NONE }
	od
}

/* ---- what befalls them ---- */

inline s_stop() {
	break_link();
	s_up = false;
	s_conn = false;
	s = S_OVER;
	s_recover = STEP_NONE;
	s_held = false;
	s_saved = false;
	s_loading = false;
	s_owes_end = false;
	s_peer_asked = false;
	s_peer_clear = false;
	s_peer_gone = false;
	s_hv_gone = false;
	s_tracking = false;
	s_stream = false;
	s_tell_gone = false;
	s_tell_hv = false;
	s_ans = NOTHING
}

inline d_stop() {
	break_link();
	d_up = false;
	d_conn = false;
	d = K_OVER;
	r_step = STEP_NONE;
	d_committed = false;
	d_loaded = false;
	d_stream = false;
	d_mapped = false;
	d_ended = false;
	d_early = false;
	d_answered = false;
	d_unrecorded = false;
	d_timed_out = false;
	d_peer_gone = false;
	d_peer_aborts = false;
	d_hv_gone = false;
	d_tell_gone = false;
	d_tell_hv = false;
	d_ans = NOTHING
}

proctype world() {
	mtype m;
end:	do
	:: atomic { FAULT && s_up ->
		faults++;
		s_stop() }
	:: atomic { FAULT && d_up ->
		faults++;
		d_stop() }
	/* the host: its hypervisor and its records go too */
	:: atomic { FAULT && s_up ->
		faults++;
		s_stop();
		sq = DEAD;
		sq_cmd = NOTHING;
		s_rec = STEP_NONE;
		s_died = true }
	:: atomic { FAULT && d_up ->
		faults++;
		d_stop();
		d_died = true;
		dq = DEAD;
		dq_cmd = NOTHING;
		d_rec = STEP_NONE;
		record_lost = true }
	:: atomic { !s_up ->
		s_up = true;
		s_recover = s_rec;
		s = (s_rec == STEP_NONE -> S_OVER : S_R_OPENING) }
	:: atomic { !d_up ->
		d_up = true;
		if
		:: d_rec == STEP_PREPARED -> d_rec = STEP_NONE
		:: d_rec == STEP_LOADING || d_rec == STEP_STARTING || d_rec == STEP_REFUSED ->
			r_step = d_rec;
			d = R_OPENING
		:: else
		fi }
	:: atomic { FAULT && link ->
		faults++;
		break_link() }
	/* repeated; overtaken by all behind it */
	:: atomic { FAULT && nempty(to_s) && nfull(to_s) ->
		faults++;
		to_s?<m>;
		to_s!m;
		m = STEP_NONE }
	:: atomic { FAULT && nempty(to_d) && nfull(to_d) ->
		faults++;
		to_d?<m>;
		to_d!m;
		m = STEP_NONE }
	:: atomic { FAULT && len(to_s) > 1 ->
		faults++;
		to_s?m;
		to_s!m;
		m = STEP_NONE }
	:: atomic { FAULT && len(to_d) > 1 ->
		faults++;
		to_d?m;
		to_d!m;
		m = STEP_NONE }
	:: atomic { !calm -> calm = true }
	od
}

/* Nothing more is going to happen. */
#define RUNS_SOMEWHERE (sq == RUNS || dq == RUNS)
#define IS_SOMEWHERE ((sq != DEAD && outcome != RUNNING) || (dq != DEAD && outcome == RUNNING))

proctype judge() {
end:	do
	:: atomic { calm && timeout && (!S_ARMED && !D_ARMED || steps >= STEPS) ->
		assert(s == S_OVER || s == S_PERSON /* the source is stuck */);
		assert(d == K_OVER /* the destination is stuck */);
		assert(s != S_PERSON || d_died && d_began || record_lost /* a person without need */);
#ifdef WAS_PAUSED
		assert(IS_SOMEWHERE || s_died || d_died || s == S_PERSON);
#else
		assert(RUNS_SOMEWHERE || s_died || ran_there && d_died || s == S_PERSON);
#endif
		break }
	od
}

init {
	atomic {
		to_d!SWITCHOVER;
		run source_hypervisor();
		run sink_hypervisor();
		run source();
		run sink();
		run world();
		run judge()
	}
}
