/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Announces guests on one interface, for hypervisors that do not do it themselves. Its socket is
 * made before godwitd confines itself. NULL is an announcer that announces nothing.
 */
#pragma once

#include "../../dataplane/base/error.h"
#include "../loop.h"
#include "address.h"

struct gw_announce_conf {
	const char *interface; /* a bridge, or what leads to the switch */
	uint32_t rounds, initial_ms, step_ms, max_ms;
};

struct gw_announcer;

/* -errno with err: no such interface, or no packet socket. */
int gw_announcer_create(struct gw_loop *loop, const struct gw_announce_conf *conf,
	struct gw_announcer **out, struct gw_err *err);
void gw_announcer_free(struct gw_announcer **a);

/* For each NIC a RARP, and for each of its IP addresses an ARP or neighbour advertisement, now and
 * in as many rounds as are configured; an earlier announcement of this VM ends. Failures are
 * logged, with label. */
void gw_announcer_begin(struct gw_announcer *a, const char *vm, const char *label,
	const struct gw_announce_nics *nics);
/* The VM is about to leave: nothing may say any more that it is here. */
void gw_announcer_end(struct gw_announcer *a, const char *vm);

/* After the n-th round (from 1) until the next: initial, then longer by step each time, at most
 * max, as QEMU does. */
uint32_t gw_announce_delay_ms(const struct gw_announce_conf *conf, uint32_t n);
