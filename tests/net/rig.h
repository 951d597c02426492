/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two data planes in one process, "a" and "b", joined by ring ports through a wire thread that can
 * do what bad wires do. Random faults come from one printed seed.
 */
#pragma once

#include "../../dataplane/dataplane.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RIG_MAX_PORTS 4u
#define RIG_WAIT_NS 30000000000u /* then a step hangs */

/* Faults in parts per 1000 packets; they may be changed while traffic flows. */
struct rig_faults {
	atomic_uint drop, duplicate, reorder, truncate, flip;
	atomic_uint cut[RIG_MAX_PORTS];     /* 1: nothing passes on this port */
	atomic_uint longest[RIG_MAX_PORTS]; /* longer frames do not pass; 0: all do */
};

struct rig {
	struct gw_dp *a, *b;
	struct gw_dp_link *out, *in; /* a -> b: initiator's and acceptor's */
	struct rig_faults faults;
	uint64_t seed;
};

/* A frame on the wire: to side b or a. */
struct rig_frame {
	bool to_b;
	uint32_t port, queue, len;
	const uint8_t *bytes;
};

struct rig_conf {
	uint32_t ports, mtu, workers; /* of each side; workers is also the number of queues */
	enum gw_dp_integrity integrity;
	bool ipv6;
	uint64_t rate_bps;
	uint32_t standby;   /* a bit per port */
	uint64_t first_psn; /* of every path: what lies behind millions of packets is near */
};

/* The address of a port of side 'a' or 'b'. */
struct gw_ip rig_ip(const struct rig_conf *conf, uint32_t port, char side);
/* Once per process: DPDK's environment cannot be started twice. */
int rig_start(struct rig *rig, const struct rig_conf *conf);
void rig_stop(struct rig *rig);
/* Waits until fn(ctx) is true, polling both sides' events into on_event. False after RIG_WAIT_NS.
 */
bool rig_wait(struct rig *rig, bool (*fn)(void *ctx), void *ctx);
/* The same until so many events of a type have come since the start. */
bool rig_wait_event(struct rig *rig, enum gw_dp_event_type type, uint64_t count);
/* Sees every frame that is sent, before anything happens to it; the wire's thread calls. NULL:
 * nobody. */
void rig_tap(void (*fn)(void *ctx, const struct rig_frame *f), void *ctx);
/* Puts a frame onto the wire at its receiving end, from any thread. False: no room. */
bool rig_inject(const struct rig_frame *f);
/* A drop counter of a data plane by name; 0: never counted. */
uint64_t rig_drops(const struct gw_dp *dp, const char *name);
/* The last events by type, counted; value of the newest. */
extern uint64_t rig_events[8], rig_event_value[8];

/* ---- rig_vm.c: memory of one VM on both sides ---- */
struct rig_vm {
	struct gw_ram *ram_a, *ram_b;
	uint8_t *mem_a, *mem_b;
	int fd_a, fd_b;
	uint64_t pages;
	struct gw_dp_source *source;
	struct gw_dp_sink *sink;
	/* a fake exporter: dirty bits and a ring */
	struct gw_export_ring *ring;
	uint32_t ring_entries;
	uint64_t *dirty;
	uint16_t label;
};
/* Fills a's memory from the seed (data, zero pages, holes), makes the streams, opens nothing. */
int rig_vm_create(struct rig *rig, struct rig_vm *vm, uint64_t pages, uint32_t ring_entries);
void rig_vm_free(struct rig *rig, struct rig_vm *vm);
/* A guest's write: bytes first, dirty bit second. */
void rig_vm_write(struct rig_vm *vm, uint64_t page, uint64_t value);
/* SYNC, drain, open, wait until idle. False where a step hangs. */
bool rig_vm_harvest(struct rig *rig, struct rig_vm *vm);
bool rig_vm_epoch(struct rig *rig, struct rig_vm *vm);
int64_t rig_vm_find_holes(struct rig_vm *vm); /* the guest stands */
/* Fences b and compares the memories. Pages that differ, or -1 where the fence hangs. */
int64_t rig_vm_finish(struct rig *rig, struct rig_vm *vm);
uint64_t rig_random(uint64_t *state);
