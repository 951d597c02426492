/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's state, and its check of answers (everything but HELLO). */
#pragma once

#include "client.h"

#include <stdbool.h>
#include <stddef.h>

union gw_packet {
	struct gw_export_msg msg;
	struct gw_export_hello hello;
	struct gw_export_synced synced;
	struct gw_export_resumed resumed;
	struct gw_export_state state;
	struct gw_export_error error;
};

struct gw_exporter {
	int sock;
	char vm_name[GW_EXPORT_NAME_MAX]; /* that was asked for */
	uint64_t state_limit_bytes;
	bool hello_seen, uffd_lent;
	uint32_t outstanding; /* bit per request type */
	uint64_t sync_epoch;  /* of the outstanding SYNC */
	bool resume_at;       /* the outstanding RESUME asks when */
	uint64_t head_seen[GW_EXPORT_MAX_RINGS];
	void *ring_map;
	size_t ring_map_bytes;
	struct gw_exporter_info info;
};

/* Checks a packet of len bytes, fills ev, and takes the request off the outstanding ones. The
 * descriptors become the event's on success. 1, or -EPROTO with err. */
int gw_answer_read(struct gw_exporter *x, const union gw_packet *p, size_t len, const int *fds,
	unsigned int n_fds, struct gw_exporter_event *ev, struct gw_err *err);
