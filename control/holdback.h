/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Holds a guest back by what can do it: the throttle of its exporter, or a brake of its vCPU
 * threads (CPU quotas, or standing still by turns), which the attendant keeps. Both lift it when
 * godwitd dies, and neither touches the run state of a QEMU.
 */
#pragma once

#include "attendant/attendant.h"
#include "hypervisor/hypervisor.h"

/* percent: in force now. result: 0, or -errno with text, and it is lifted. */
typedef void gw_holdback_fn(void *ctx, int result, uint32_t percent, const char *text);

struct gw_holdback {
	struct gw_attendant *attendant; /* may be NULL */
	gw_holdback_fn *told;
	void *ctx;
	struct gw_brake *brake;
	uint32_t asked, in_force, asking_percent;
	bool asking; /* for asking_percent; the answer is to come */
};

/* hv: open; the session's. */
bool gw_holdback_possible(const struct gw_holdback *h, struct gw_hv *hv);
/* So much of its time the guest loses: 0 (lifted) to 99. told is called later, or never where
 * nothing is to be changed. */
void gw_holdback_set(struct gw_holdback *h, struct gw_hv *hv, uint32_t percent);
/* An answer of the exporter. True: it was for this. */
bool gw_holdback_answer(
	struct gw_holdback *h, struct gw_hv *hv, const struct gw_exporter_event *ev);
/* Lifts it; told is not called any more. The exporter's throttle ends with its connection. */
void gw_holdback_end(struct gw_holdback *h);
