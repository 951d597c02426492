/* SPDX-License-Identifier: BSD-3-Clause */
/* godwitd's side of the attendant, shared by its files. */
#pragma once

#include "message.h"

struct gw_brake {
	struct gw_attendant *a;
	struct gw_brake *next;
	uint32_t id, serial; /* serial: of the request that is waited for, 0: none */
	pid_t pid;
	int pidfd; /* of pid */
	bool on;   /* threads of pid may be slowed now */
	gw_brake_fn *fn;
	void *ctx;
};

struct gw_hook_run {
	struct gw_attendant *a;
	struct gw_hook_run *next, **handle;
	uint32_t id;
	gw_hook_fn *fn; /* NULL: nobody is told */
	void *ctx;
};

struct gw_attendant {
	int sock; /* -1: it is gone */
	pid_t pid;
	int pidfd;
	bool has_hooks;
	uint32_t last_id, last_serial;
	struct gw_watch *watch;
	struct gw_timer *bury; /* tells those that wait, from the loop */
	struct gw_brake *brakes;
	struct gw_hook_run *hooks;
	struct gw_attendant_request request;
};

/* Sends a->request, and a descriptor where fd is not -1; it stays the caller's. 0 or -EPIPE. */
int gw_attendant_ask(struct gw_attendant *a, int fd);

void gw_brake_answered(struct gw_attendant *a, const struct gw_attendant_answer *m);
/* It is dead: lifts what it held; those that had it on are to be told. */
void gw_brake_rescue(struct gw_brake *b);

/* Tells the one that waits. */
void gw_hook_ended(struct gw_hook_run *h, int result, const char *text);
