/* SPDX-License-Identifier: BSD-3-Clause */
/* One client's state on the exporter's side, and what its requests do. */
#pragma once

#include "exporter.h"
#include "sink.h"

#include <stdbool.h>
#include <stddef.h>

struct gw_connection {
	int sock;
	int wake_fd;
	const struct gw_export_config *config;
	struct gw_export_description d;
	struct gw_ring_area rings;
	struct gw_export_sink sink;
	bool asked; /* something, since HELLO */
	bool tracking;
	bool paused_here; /* by this client, and not resumed */
	bool saved;       /* from then on the guest may run elsewhere */
	bool throttled;
	bool quit;
	bool over; /* nothing more can be said to this client */
};

union gw_request {
	struct gw_export_msg msg;
	struct gw_export_sync sync;
	struct gw_export_resume resume;
	struct gw_export_state state;
	struct gw_export_throttle throttle;
};

/* Fills in type and length and sends; waits for a slow client, but not for one that is gone: then
 * the connection is over. */
int gw_connection_send(struct gw_connection *c, void *packet, enum gw_export_type type, size_t len,
	const int *fds, unsigned int n_fds);
int gw_connection_send_error(struct gw_connection *c, uint32_t request, int code, const char *text);

/* Describes the guest and says HELLO: to a new client, and again to one that has lent something. */
int gw_connection_greet(struct gw_connection *c);

void gw_connection_stop_tracking(struct gw_connection *c);

/* The VMM says where it maps the guest. */
bool gw_request_can_touch(const struct gw_connection *c);

/* Checks the request's size (len bytes came), does it, answers it. */
void gw_request_serve(struct gw_connection *c, const union gw_request *r, size_t len,
	const int *fds, unsigned int n_fds);
