/* SPDX-License-Identifier: BSD-3-Clause */
/* The objects behind the door, shared by its files and the workers. */
#pragma once

#include "dataplane.h"
#include "worker.h"

/* Filled in by control before the workers hear of it; then read only. Global: a core that does not
 * own a path must still be able to answer its probes, or to tell its owner of a reply that strayed.
 */
struct gw_slot {
	uint32_t key_id;
	uint32_t used; /* released last */
};

struct gw_dp {
	struct gw_dp_conf conf;
	uint32_t n_ports, n_workers, n_cores;
	struct gw_port port[GW_DP_MAX_PORTS];
	struct gw_worker *worker[GW_DP_MAX_WORKERS];
	uint8_t flags;   /* of its packets, enum gw_wire_flag */
	uint32_t active; /* control writes, workers read */
	/* TSC to the monotonic clock: ns = mono0_ns + (tsc - tsc0) * ns_per_tick */
	uint64_t tsc0, mono0_ns;
	double ns_per_tick;
	/* control's own books */
	struct gw_path_out *out[GW_DP_MAX_PATHS];
	struct gw_path_in *in[GW_DP_MAX_PATHS];
	struct gw_slot in_slot[GW_DP_MAX_PATHS], out_slot[GW_DP_MAX_PATHS]; /* workers read */
	struct gw_dp_source *source[GW_DP_MAX_STREAMS];
	struct gw_dp_sink *sink[GW_DP_MAX_STREAMS];
	uint16_t sink_generation;
	uint64_t books_bytes; /* of all paths that got larger books */
	uint32_t next_event_worker;
};

/* events.c: workers that sleep look at once; one on its way to sleep does when its nap ends. */
void gw_dp_wake(struct gw_dp *dp);

struct gw_dp_link {
	struct gw_dp *dp;
	bool initiator, started, dying;
	uint8_t *secret;  /* NULL: in the clear */
	uint32_t n_cores; /* of the acceptor */
	uint32_t n;
	uint32_t pending; /* workers that have not let go */
	/* Paths to each core that are up on ports that are not standby; all workers write. */
	uint32_t carriers[GW_DP_MAX_WORKERS];
	struct gw_dp_path path[GW_DP_MAX_PATHS];
	uint16_t slot[GW_DP_MAX_PATHS]; /* local slot of each */
};

struct gw_dp_source {
	struct gw_source core;
	struct gw_dp *dp;
	struct gw_dp_link *link;
	struct gw_ram *ram;
	uint16_t slot;    /* local, in the workers' tables */
	uint16_t stream;  /* on the wire */
	uint32_t drainer; /* worker index */
	uint32_t weight;  /* at the beginning; later by command */
	uint32_t pending;
	uint8_t *state;
	uint64_t state_bytes;
	void *ctx;
	struct gw_take *take[GW_DP_MAX_WORKERS]; /* n_cores each */
	_Alignas(64) struct gw_pacer pacer;      /* the session's own cap, over all ports */
};

struct gw_dp_sink {
	struct gw_sink core;
	struct gw_dp *dp;
	struct gw_dp_link *link;
	struct gw_ram *ram;
	uint16_t slot;
	uint16_t stream; /* on the wire: slot + GW_DP_MAX_STREAMS * generation */
	uint32_t pending;
	void *ctx;
};

/* Bytes moved without the protocol: each worker has a share of the RAM and walks round in it. */
struct gw_dp_bound {
	struct gw_dp *dp;
	struct gw_dp_link *link;
	bool send;
	uint32_t pending;
	struct {
		_Alignas(64) uint8_t *ram; /* its share */
		uint64_t bytes;
		uint64_t at;             /* the next byte */
		uint64_t moved, packets; /* control reads */
	} share[GW_DP_MAX_WORKERS];
};

static inline uint64_t gw_dp_now_ns(const struct gw_dp *dp, uint64_t tsc)
{
	return dp->mono0_ns + (uint64_t)((double)(tsc - dp->tsc0) * dp->ns_per_tick);
}

/* Whether pages may go over this path: on a standby port only while no other port reaches the core.
 */
static inline bool gw_path_carries(const struct gw_path_out *p)
{
	return __atomic_load_n(&p->state, __ATOMIC_RELAXED) == GW_PATH_UP &&
	       (!p->queue->port->standby ||
		       __atomic_load_n(&p->link->carriers[p->core], __ATOMIC_RELAXED) == 0);
}

void gw_dp_command(
	struct gw_dp *dp, uint32_t worker, enum gw_command type, void *object, uint64_t value);
void gw_dp_broadcast(struct gw_dp *dp, enum gw_command type, void *object, uint64_t value);
void gw_link_release(struct gw_dp_link *link); /* all workers let go */
/* A path carries less than was believed, or what it should again. */
void gw_link_mtu_changed(struct gw_dp *dp, const struct gw_path_out *path, uint32_t slot);
/* link_match.c: the peer's port that ours talks to: one on the same subnet, spread over them where
 * several are; or any of the same family behind the gateway. -1: none. */
int gw_link_match(const struct gw_dp *dp, uint32_t port, const struct gw_dp_host *peer);
/* link_keys.c: the secret is copied; keys of the i-th path, NULL in the clear. */
int gw_link_secret(struct gw_dp_link *link, const uint8_t *secret, struct gw_err *err);
void gw_link_secret_free(struct gw_dp_link *link);
int gw_link_keys(
	struct gw_dp_link *link, uint32_t i, struct gw_path_keys **keys, struct gw_err *err);
/* A path asks for a generation of keys; see gw_keys_value(). */
void gw_keys_short(struct gw_dp *dp, const void *path, uint64_t value);
/* books.c: a path asks for larger books; books come back. */
void gw_books_short(struct gw_dp *dp, const struct gw_path_out *path, uint32_t slot);
void gw_books_back(struct gw_dp *dp, struct gw_tx_books *b);
