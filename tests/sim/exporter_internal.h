/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated exporter, shared by its files: exporter.c is what godwitd calls, exporter_serve.c
 * carries requests out, exporter_dirty.c fills the rings. */
#pragma once

#include "../../dataplane/export/producer.h"
#include "guest.h"

#define EXPORTER_REQUESTS 16u
#define EXPORTER_ANSWERS 32u

struct exporter_request {
	enum gw_export_type type;
	uint64_t value; /* epoch, size */
	int fd;
};

struct gw_exporter {
	struct gw_exporter_info info;
	struct sim_instance *inst; /* NULL: the process died */
	int fd;
	bool hello;
	struct gw_ring_area area;
	struct gw_ring_writer writer[GW_EXPORT_MAX_RINGS];
	struct exporter_request request[EXPORTER_REQUESTS];
	uint32_t n_requests;
	uint32_t outstanding; /* bit per type */
	struct gw_exporter_event answer[EXPORTER_ANSWERS];
	uint32_t n_answers;
	uint64_t scan; /* of a harvest under way */
	struct sim_event service, unblock;
};

/* What the client reads next. */
void exporter_say(struct gw_exporter *x, const struct gw_exporter_event *ev);
void exporter_answer(struct gw_exporter *x, enum gw_export_type type);
/* Begins to carry out the first request, if there is one. */
void exporter_next(struct gw_exporter *x);
/* Pushes what is dirty from *scan on; a page is tracked again before it is read. False: a ring is
 * full. */
bool exporter_harvest(struct gw_exporter *x, uint64_t *scan);
