/* SPDX-License-Identifier: BSD-3-Clause */
/* The receiving end's own, shared by its files. */
#pragma once

#include "receiver.h"

#include "../populate.h"
#include "memory.h"

struct receiver {
	const struct bench_options *options;
	struct gw_loop *loop;
	struct gw_dp *dp;
	struct talk *talk;
	struct bench_memory memory;
	struct gw_dp_sink *sink;
	struct gw_dp_bound *bound;
	uint64_t moved_bytes; /* by streams that have ended */
	struct bench_events *events;
	uint32_t working; /* helper threads */
	int result;       /* of the last one */
	int64_t plain_ns;
	uint64_t plain_bytes;
	/* memory that is populated while pages arrive */
	struct gw_extents *extents;
	struct gw_populate *populate;
	uint64_t known_pages;
	uint64_t bound_packets; /* at the last look */
};

/* Takes the data plane's events; ctx is the struct receiver. */
void receiver_poll(void *ctx);

/* ---- receiver_memory.c ---- */
/* Only when no helper thread works on it. */
void receiver_free_memory(struct receiver *r);
/* Until no helper thread works. */
int receiver_wait_work(struct receiver *r, struct gw_err *err);
/* Answers of questions about memory. */
int receiver_op_memory(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err);
int receiver_op_populate(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err);
int receiver_op_populated(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err);
int receiver_op_plain(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err);
