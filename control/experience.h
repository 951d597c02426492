/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What blackouts cost beside their pages, learned from the sessions that went before, at both ends
 * of them: a session
 * measures that only when it is too late for its own prediction. Kept per destination and kind of
 * hypervisor; who has no experience with one takes that with the others of the kind. Pure; of each
 * figure the median of the last few counts, so that one odd session does not.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_EXPERIENCE_PLACES 64u
#define GW_EXPERIENCE_KEPT 5u
#define GW_EXPERIENCE_NAME 64u

struct gw_experience_costs {
	uint64_t state_bytes; /* device state */
	uint64_t fixed_ns; /* beside that, and pages, state and round trips on the wire: pause, load
			    */
	uint64_t save_ns;  /* to save the device state */
	uint64_t gap_ns;   /* from the decision to the pause; the guest goes on writing */
	uint64_t verify_ns_per_gib;
	uint64_t rate_bps; /* guest bytes over the wire, in bits; 0: not measured */
};

struct gw_experience_place {
	char peer[GW_EXPERIENCE_NAME], kind[GW_EXPERIENCE_NAME];
	uint64_t used;          /* when it was learned from last; 0: free */
	uint32_t n, n_verified; /* ever */
	struct gw_experience_costs kept[GW_EXPERIENCE_KEPT];
};

struct gw_experience {
	uint64_t clock;
	struct gw_experience_place place[GW_EXPERIENCE_PLACES];
};

/* Who has none: what a small machine was measured to take. Too high an estimate would keep a slow
 * wire from ever fitting the limit. kind: "qemu" or "native". */
struct gw_experience_costs gw_experience_default(const char *kind);
/* verified: costs has verify_ns_per_gib. */
void gw_experience_learn(struct gw_experience *e, const char *peer, const char *kind,
	const struct gw_experience_costs *costs, bool verified);
/* Fills what is known; what is not stays as the caller set it. */
void gw_experience_recall(const struct gw_experience *e, const char *peer, const char *kind,
	struct gw_experience_costs *costs);
/* The same with the least of what is kept, and only what GW_EXPERIENCE_SURE sessions or more bear
 * out: what a limit has to be above before it is called impossible. Whoever waits for one learns
 * nothing new, so a few odd sessions would keep all that follow waiting. Verify's share, which the
 * memory gives, and the rate are left as they are. */
#define GW_EXPERIENCE_SURE 3u
void gw_experience_recall_least(const struct gw_experience *e, const char *peer, const char *kind,
	struct gw_experience_costs *costs);
