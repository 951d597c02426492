/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The page rules, for one page of two fragments: a guest that writes and zeroes it, the exporter's
 * tracking and ring, the draining worker with its two bitmaps and the label, two senders (one sends
 * fragments, one whole pages; either sends a page of zeros as a run), a network that loses, repeats
 * and reorders, and the destination's stamp. Epochs open while packets are outstanding, as they may in
 * the code. After up to LIVE epochs the guest pauses, and saving its device state writes the page once
 * more: one SYNC after that harvests all that was written, or two, before and after. When all is
 * acknowledged the destination loads: then its page has to be the source's, and what arrives later must
 * store nothing. There is no fence in this model: the stamp alone does that.
 *
 * -DBREAK_... breaks a rule.
 */
#ifndef WRITES
#define WRITES 1 /* by the running guest */
#endif
#ifndef LIVE
#define LIVE 1 /* epochs until the pause; one or two follow */
#endif
#ifndef LOSSES
#define LOSSES 1 /* packets given up by their sender, on their way or not */
#endif
#ifndef COPIES
#define COPIES 1 /* packets repeated by the network */
#endif
#define FLIGHTS 2
#define BUSY(k) (net[k].flies || net[k].outstanding)
#define WHOLE 3 /* both fragments' bits */

/* Contents are numbered in the order of the guest's writes; 0: zeros. */
byte from[2], to[2];
byte version, writes, losses, copies;

/* The exporter. */
bool written; /* since tracking was armed */
bool ring;    /* an entry waits */
#ifdef BREAK_ARM_LATE
bool rearm;
#endif

/* The source. */
bool open = true, next, moved;
byte label = 1;
bool merging, paused, saved, still, loaded;
#ifdef BREAK_DRAIN_IN_MERGE
#define MAY_DRAIN true
#else
#define MAY_DRAIN (!merging)
#endif

/* taken - settled, of both senders, and what the idle check needs of the two counters' history. */
byte in_use;
byte since; /* settled (or, -DBREAK_IDLE_ORDER, taken) since the check began */
bool checking;
#ifdef BREAK_IDLE_ORDER
/* taken, seen first, is settled, seen last */
#define IDLE (in_use == since)
#else
#define IDLE (in_use + since == 0)
#endif

/* What a packet says: label, fragments' bits, contents (zeros: of a run). */
typedef packet {
	byte label, fragments, first, second;
	bool zeros;
	bool flies;      /* it may still arrive */
	bool outstanding /* its sender waits for the acknowledgement */
}
packet net[FLIGHTS];

/* The destination's stamp (memory/stamp.h). */
byte stamp_label, stamp_mask;
bool stamp_data;

inline take_count() {
	atomic {
		in_use++;
#ifdef BREAK_IDLE_ORDER
		if
		:: checking -> since++
		:: else
		fi
#endif
	}
}

inline settle_count() {
	atomic {
		in_use--;
#ifndef BREAK_IDLE_ORDER
		if
		:: checking -> since++
		:: else
		fi
#endif
	}
}

/* ---- the guest and its exporter ---- */

inline write_page(fragment) {
	version++;
	from[fragment] = version;
	written = true
}

inline clear_page() {
	from[0] = 0;
	from[1] = 0;
	written = true
}

/* Saving the device state may write, too. */
proctype guest() {
end:	do
	:: atomic { !paused && writes < WRITES ->
		writes++;
		if
		:: write_page(0)
		:: clear_page()
		fi }
	:: atomic { paused && !saved ->
		if
		:: write_page(1)
		:: true
		fi;
		saved = true;
		still = true }
	od
}

/* ---- the exporter, the draining worker, and control ---- */

/* Rule 5: the scan gives what was written and protects it again in one step. */
inline harvest() {
	if
	:: written ->
		ring = true;
#ifdef BREAK_ARM_LATE
		rearm = true
#else
		written = false
#endif
	:: else
	fi
}

inline drain() {
	if
	:: ring ->
		ring = false;
#ifdef BREAK_ONE_BITMAP
		open = true
#else
		next = true
#endif
	:: else
	fi
}

/* Exporters push when they like. */
proctype tracker() {
end:	do
	:: atomic { written && !loaded && MAY_DRAIN ->
		harvest();
		drain() }
#ifdef BREAK_ARM_LATE
	:: atomic { rearm ->
		rearm = false;
		written = false }
#endif
	od
}

/* Rule 1, in its order: SYNC; SYNCED, drained to its head; the label; the merge, during which nothing
 * is drained: it would join an epoch under whose label the page may have gone already. */
inline sync() {
	atomic { harvest() };
#ifndef BREAK_NO_DRAIN
	atomic { drain() }
#endif
}

inline merge() {
	atomic {
		moved = next;
		next = false
	};
	atomic {
		open = open || moved;
		moved = false;
		merging = false
	}
}

inline publish() {
#ifdef BREAK_LABEL_AFTER_MERGE
	merge();
	label++
#else
	atomic {
		label++;
		merging = true
	};
	merge()
#endif
}

inline open_epoch() {
	sync();
	publish()
}

/* Rule 3: settled, then the bitmap, then taken (gw_source_idle()). */
inline await_idle() {
	do
#ifdef BREAK_IDLE_ORDER
	:: atomic { checking = true; since = 0 };
#else
	:: atomic { in_use == 0 && !open -> checking = true; since = 0 };
#endif
		if
		:: atomic { open -> checking = false }
		:: !open ->
			if
			:: atomic { IDLE -> checking = false; break }
			:: atomic { else -> checking = false }
			fi
		fi
	od
}

proctype control() {
	do
	:: label < LIVE -> open_epoch()
	:: paused = true -> break
	od;
	/* The device state is saved while the final epoch opens; or (gw_convergence_sync_once()) the
	 * guest's last writes and those of the saving are harvested together, after it. */
	if
	:: open_epoch()
	:: true
	fi;
	saved;
#ifndef BREAK_NO_SECOND_SYNC
	sync();
	if
	:: next -> publish()
	:: else
	fi;
#endif
	await_idle();
	atomic {
		loaded = true;
		assert(to[0] == from[0] && to[1] == from[1])
	}
}

/* ---- the senders ---- */

#define CLEAN got = false; again = false; mine = 0; first = 0; second = 0

/* A packet leaves with what it says; a full network makes its sender wait. */
inline send(bits, what_first, what_second, is_run, is_last) {
	atomic {
		!BUSY(0) || !BUSY(1) ->
		i = (!BUSY(0) -> 0 : 1);
		net[i].label = mine;
		net[i].fragments = bits;
		net[i].first = what_first;
		net[i].second = what_second;
		net[i].zeros = is_run;
		net[i].flies = true;
#ifdef BREAK_SENT_IS_SETTLED
		settle_count();
#else
		net[i].outstanding = true;
#endif
		i = 0;
		if
		:: is_last -> CLEAN
		:: else -> take_count() /* of the fragment that follows */
		fi
	}
}

/* Rule 2: clear the bit, read the label, read memory. A page that next has too is left to it, until the
 * guest stands and its holes are known. */
proctype sender(bool whole) {
	byte i, mine, first, second;
	bool got, again;
end:	do
	:: open ->
#ifdef BREAK_LABEL_FIRST
		mine = label;
#endif
#ifdef BREAK_MEMORY_FIRST
		atomic { first = from[0]; second = from[1] };
#endif
#ifndef BREAK_UNCOUNTED_CLAIM
		take_count();
#endif
#ifdef BREAK_DEFERS_FIRST
		again = next && !still;
#endif
		atomic { got = open; open = false };
#ifndef BREAK_DEFERS_FIRST
		again = next && !still; /* dirtied again: it goes with the next epoch */
#endif
#ifdef BREAK_UNCOUNTED_CLAIM
		take_count();
#endif
		if
		:: atomic { !got || again -> settle_count(); CLEAN }
		:: got && !again ->
#ifdef BREAK_LABEL_LAST
			atomic { first = from[0]; second = from[1] };
			mine = label;
#else
#ifndef BREAK_LABEL_FIRST
			mine = label;
#endif
#ifndef BREAK_MEMORY_FIRST
			atomic { first = from[0]; second = from[1] };
#endif
#endif
			if
			:: first == 0 && second == 0 -> send(WHOLE, 0, 0, true, true)
			:: (first != 0 || second != 0) && whole -> send(WHOLE, first, second, false, true)
			:: (first != 0 || second != 0) && !whole ->
				send(1, first, 0, false, false);
				send(2, 0, second, false, true)
			fi;
		fi
	od
}

inline forget(k) {
	if
	:: !BUSY(k) ->
		net[k].label = 0;
		net[k].fragments = 0;
		net[k].first = 0;
		net[k].second = 0;
		net[k].zeros = false
	:: else
	fi
}

/* ---- the destination ---- */

inline store(k) {
	assert(!loaded);
	if
	:: net[k].fragments & 1 -> to[0] = net[k].first
	:: else
	fi;
	if
	:: net[k].fragments & 2 -> to[1] = net[k].second
	:: else
	fi
}

/* gw_stamp_take(), apply_raw(), apply_runs() */
inline apply(k) {
	if
#ifdef BREAK_OLDER_WINS
	:: stamp_label > net[k].label -> store(k)
#else
	:: stamp_label > net[k].label /* superseded */
#endif
	:: stamp_label == net[k].label &&
		(stamp_mask & net[k].fragments) == net[k].fragments /* a duplicate */
	:: else ->
		if
#ifdef BREAK_RUN_UNSTAMPED
		:: net[k].zeros
#endif
#ifdef BREAK_WHOLE_UNSTAMPED
		:: net[k].fragments == WHOLE && !net[k].zeros
#endif
		:: else ->
			stamp_mask = (stamp_label < net[k].label -> 0 : stamp_mask);
			stamp_label = net[k].label;
			stamp_mask = stamp_mask | net[k].fragments
		fi;
		if
		:: !net[k].zeros ->
			stamp_data = true;
			store(k)
		:: net[k].zeros && stamp_data -> store(k)
		:: else /* nobody stored to it: it is zeros */
		fi
	fi
}

/* A packet arrives, perhaps once more later, and is acknowledged. (That an acknowledgement is lost is
 * no other than that the packet arrives after it was given up.) */
#define ARRIVES(k)                                                                             \
	atomic {                                                                               \
		net[k].flies ->                                                                \
		apply(k);                                                                      \
		if                                                                             \
		:: net[k].flies = false                                                        \
		:: copies < COPIES -> copies++                                                 \
		fi;                                                                            \
		if                                                                             \
		:: net[k].outstanding ->                                                       \
			net[k].outstanding = false;                                            \
			settle_count()                                                         \
		:: else                                                                        \
		fi;                                                                            \
		forget(k)                                                                      \
	}

/* A packet's sender gives it up, on its way or not. Rule 3: it is in open before it is settled. */
#ifdef BREAK_SETTLED_FIRST
#define GIVEN_UP(k)                                                                            \
	atomic {                                                                               \
		net[k].outstanding && losses < LOSSES ->                                       \
		losses++;                                                                      \
		net[k].outstanding = false;                                                    \
		settle_count();                                                                \
		forget(k)                                                                      \
	};                                                                                     \
	open = true
#else
#define GIVEN_UP(k)                                                                            \
	atomic {                                                                               \
		net[k].outstanding && losses < LOSSES ->                                       \
		losses++;                                                                      \
		open = true                                                                    \
	};                                                                                     \
	atomic {                                                                               \
		net[k].outstanding = false;                                                    \
		settle_count();                                                                \
		forget(k)                                                                      \
	}
#endif

proctype network() {
end:	do
	:: ARRIVES(0)
	:: ARRIVES(1)
	:: GIVEN_UP(0)
	:: GIVEN_UP(1)
	od
}

init {
	atomic {
		version = 1;
		from[0] = 1;
		from[1] = 1;
		run guest();
		run tracker();
		run control();
		run sender(true);
		run sender(false);
		run network()
	}
}
