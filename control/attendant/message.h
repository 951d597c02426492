/* SPDX-License-Identifier: BSD-3-Clause */
/* What godwitd and its attendant say to each other: messages of one size each way over a
 * SOCK_SEQPACKET pair. The attendant may do more than a confined godwitd, so it checks every field.
 */
#pragma once

#include "attendant.h"

#define GW_ATTENDANT_TEXT 400u
#define GW_ATTENDANT_LABEL 128u

enum gw_attendant_type {
	GW_ATTENDANT_BRAKE = 1,   /* id, pid, percent, n, tids, with a pidfd; answered */
	GW_ATTENDANT_LIFT,        /* id; answered */
	GW_ATTENDANT_HOOK,        /* id, point, n bytes of input, label; answered when over */
	GW_ATTENDANT_CANCEL_HOOK, /* id; not answered */
};

struct gw_attendant_request {
	uint32_t type;
	uint32_t id;      /* chosen by godwitd: of a brake, of a hook */
	uint32_t serial;  /* comes back in the answer */
	uint32_t percent; /* 1..99 */
	uint32_t n;
	uint32_t point; /* enum gw_hook_point */
	int32_t pid;
	char label[GW_ATTENDANT_LABEL]; /* ends with NUL */
	union {
		int32_t tids[GW_BRAKE_MAX_THREADS];
		char input[GW_HOOK_INPUT_MAX];
	} u;
};

struct gw_attendant_answer {
	uint32_t type; /* of the request */
	uint32_t id;
	uint32_t serial;
	uint32_t percent; /* in force */
	int32_t result;
	char text[GW_ATTENDANT_TEXT];
};

_Static_assert(sizeof(struct gw_attendant_request) == 28 + 128 + 8192, "no padding");
_Static_assert(sizeof(struct gw_attendant_answer) == 20 + 400, "no padding");
