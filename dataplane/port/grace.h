/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Grace periods: after one, every poll core has left the driver that it was in when it began. A
 * driver that tears a queue down in another thread (memif does, when its peer is gone) waits for
 * one between taking the queue out of service and giving its memory back.
 */
#pragma once

#include "../base/error.h"

#include <rte_lcore.h>
#include <rte_rcu_qsbr.h>

/* Once per process, after EAL's start and before any poll core joins. */
int gw_grace_init(struct gw_err *err);

/* What all of them share. */
struct rte_rcu_qsbr *gw_grace(void);

/* A poll core, before its first look at a port, and after its last. */
static inline void gw_grace_join(struct rte_rcu_qsbr *g)
{
	rte_rcu_qsbr_thread_register(g, rte_lcore_id());
	rte_rcu_qsbr_thread_online(g, rte_lcore_id());
}

static inline void gw_grace_leave(struct rte_rcu_qsbr *g)
{
	rte_rcu_qsbr_thread_offline(g, rte_lcore_id());
	rte_rcu_qsbr_thread_unregister(g, rte_lcore_id());
}

/* Each round, outside of all drivers. */
static inline void gw_grace_turn(struct rte_rcu_qsbr *g)
{
	rte_rcu_qsbr_quiescent(g, rte_lcore_id());
}

/* Around a sleep, which no grace period waits for. */
static inline void gw_grace_sleeps(struct rte_rcu_qsbr *g)
{
	rte_rcu_qsbr_thread_offline(g, rte_lcore_id());
}

static inline void gw_grace_wakes(struct rte_rcu_qsbr *g)
{
	rte_rcu_qsbr_thread_online(g, rte_lcore_id());
}
