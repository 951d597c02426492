/* SPDX-License-Identifier: BSD-3-Clause */
/* When to switch over: pure arithmetic over what an epoch gave. No I/O, no clock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_CONVERGENCE_PAGE_BYTES 4096u

/* What the data plane and the hypervisor told at the end of an epoch. */
struct gw_convergence_sample {
	uint64_t next_pages;   /* dirtied since the epoch's SYNC, or not sent when it was cut short:
				  what the next epoch would send */
	uint64_t rate_bps;     /* guest bytes acknowledged per second, in bits, all ports; 0: not
				  measured */
	uint64_t rtt_ns;       /* 0: unknown, counts as nothing */
	uint64_t state_bytes;  /* device state, estimated */
	uint64_t save_ns;      /* time to save it, estimated: pages go out meanwhile */
	uint64_t sync_ns;      /* what the last SYNCs took at least; 0: unknown */
	uint64_t state_ns;     /* time to load it, and to pause and resume, estimated */
	uint64_t dirty_bps;    /* what the guest dirties, in bits of pages per second */
	uint64_t gap_ns;       /* how long it still does that until it stands, estimated */
	uint64_t verify_ns;    /* digests before it runs, estimated; 0: none */
	uint32_t stun_percent; /* so much of its time the guest is losing */
	bool spent;            /* ... which is all that is allowed, and was not enough */
};

/* The guest loses as much of its time as allowed, and still the rest does not shrink; or no rest
 * would be small enough, as what comes beside pages takes longer than the limit. */
enum gw_convergence_on_spent { GW_SPENT_ABORT, GW_SPENT_WAIT, GW_SPENT_SWITCH };

struct gw_convergence_limits {
	uint64_t blackout_ns;  /* the blackout that is allowed */
	uint64_t min_epoch_ns; /* an epoch lasts at least this long while nothing is gained by
				  hurrying */
	bool switch_on_limit;  /* when time or labels run out: switch over (true) or give up */
	uint16_t label_max;
	enum gw_convergence_on_spent on_spent;
};

enum gw_convergence_verdict {
	GW_CONVERGENCE_SWITCH,
	GW_CONVERGENCE_AGAIN, /* next epoch at once: it will be shorter than this one was */
	GW_CONVERGENCE_PACED, /* next epoch, but let it last min_epoch_ns */
	GW_CONVERGENCE_GIVE_UP,
};

/* Longer than this no guest is stopped, whatever the policy says of a limit: the session ends with
 * the guest at the source. Half of what the source waits for its last pages. */
#define GW_CONVERGENCE_BLACKOUT_MAX_NS 30000000000ull

/* Rate where none was measured and no port has a cap. */
#define GW_CONVERGENCE_RATE_UNKNOWN_BPS 1000000000ull

/* remaining bytes / rate: the time to send what an epoch left. Saturates at UINT64_MAX. */
uint64_t gw_convergence_send_ns(uint64_t bytes, uint64_t rate_bps);

/* Whether what the pause leaves is better asked for once, when the state is saved, than also
 * before: a SYNC that takes nearly as long as to send what it gives gains little of those pages'
 * time, and costs its own and theirs where saving wants the same CPUs. No page is missed: the SYNC
 * after the saving is never left out, and finds what the guest wrote before it stood, too
 * (tests/model/pages.pml). */
bool gw_convergence_sync_once(const struct gw_convergence_sample *s);

/* Predicted blackout = max(sync_ns + (remaining bytes + what is dirtied until the pause) / rate,
 * save_ns) + device state / rate + 1.5 RTT + state_ns + verify_ns (design section 3; the pages go
 * out while the state is saved, which follows them). With one SYNC the pages follow the saving. */
uint64_t gw_convergence_blackout_ns(const struct gw_convergence_sample *s);
/* The same of a blackout whose SYNCs were decided: before its last pages were known, say. */
uint64_t gw_convergence_reckon_ns(const struct gw_convergence_sample *s, bool sync_once);

/* Of that, all that comes before or after the pages. */
uint64_t gw_convergence_fixed_ns(const struct gw_convergence_sample *s);

/* What a limit leaves for pages, when all is taken off that comes before or after them. */
uint64_t gw_convergence_room_ns(uint64_t limit_ns, const struct gw_convergence_sample *s);

/* An epoch that will be clearly shorter than the one that filled it: as things go, it converges. */
bool gw_convergence_shrinks(const struct gw_convergence_sample *s, uint64_t epoch_ns);

/* epoch_ns: how long the epoch took from open to SYNC; out_of_time: max_total_s has passed; label:
 * of that epoch. The final epochs need two labels more, so the label limit strikes two before
 * label_max. fitting: how many epochs before this one ended with a blackout that fitted: while a
 * further epoch is clearly shorter still, a few more are worth it. */
enum gw_convergence_verdict gw_convergence_decide(const struct gw_convergence_limits *limits,
	const struct gw_convergence_sample *s, uint64_t epoch_ns, uint16_t label, uint32_t fitting,
	bool out_of_time);

/* The acknowledged rate over epochs. Only an epoch long and large enough to be bound by the wire
 * and not by latency replaces what is known, a short one in part: it may have waited for a CPU.
 * Returns the rate to use from now on. */
uint64_t gw_convergence_rate_bps(uint64_t known_bps, uint64_t bytes, uint64_t duration_ns);

/* What the guest dirties, from how many pages it wrote in so long a time: guests write in bursts,
 * and one that a short epoch caught does not last. Returns the rate to use from now on. */
uint64_t gw_convergence_dirty_bps(uint64_t known_bps, uint64_t pages, uint64_t duration_ns);
