/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a session leaves behind: a JSON report. Collects figures that others measured; no clock, no
 * data plane calls. Keys (times in ms since the session began, unless said): id, vm, role, peer,
 * started, result, error, total_ms, state_bytes, integrity, worker_faults, drops{} phases[]{name,
 * start_ms, duration_ms} epochs[]{epoch, label, start_ms, duration_ms, pages, zero_pages,
 * hole_pages, resent_pages, deferred_pages, wire_bytes, dirty_pages, bps} duration: until all was acknowledged;
 * dirty_pages: dirtied meanwhile; bps: wire_bytes over the duration ports[]{name, line_rate_bps,
 * payload_bps, payload_utilisation, tx_packets, tx_bytes, lost_packets, resent_pages, standby,
 * outages[]{down_ms, up_ms}} payload_bps: guest bytes over the time of epoch 0;
 * payload_utilisation: null where the port has no cap blackout_ms{predicted, source, total, guest:
 * null}, blackout_parts{} slowdown{max_percent, duration_ms,
 * lost_ms} verify{enabled, pages, mismatched} timeline[]{t_ms, phase, epoch,
 * ports_bps[], dirty_pages, remaining_bytes, slowdown_percent}: every 10 ms, of long sessions fewer
 * dirty_pages: known to be dirty, for the next epoch; remaining_bytes: of this epoch and the next
 */
#pragma once

#include "../dataplane/dataplane.h"
#include "message.h"
#include "outages.h"
#include "session.h"

#include <time.h>

struct gw_report;

struct gw_report_ports {
	uint32_t n;
	struct gw_dp_port_info port[GW_DP_MAX_PORTS];
};

/* ports: when the session began. */
int gw_report_create(const char *id, const char *vm, const char *peer, bool is_source,
	uint64_t now_ns, time_t started, const struct gw_report_ports *ports,
	struct gw_report **out);
void gw_report_free(struct gw_report **r);

void gw_report_phase(struct gw_report *r, enum gw_phase phase, uint64_t now_ns);
/* stats: cumulative, as the data plane has them. */
void gw_report_epoch_opened(struct gw_report *r, uint16_t label, uint64_t now_ns,
	const struct gw_dp_source_stats *stats, const struct gw_report_ports *ports);
void gw_report_epoch_idle(struct gw_report *r, uint64_t now_ns,
	const struct gw_dp_source_stats *stats, const struct gw_report_ports *ports);
void gw_report_epoch_dirty(struct gw_report *r, uint64_t dirty_pages);

struct gw_report_sample {
	uint64_t now_ns;
	enum gw_phase phase;
	uint32_t epoch;
	uint64_t dirty_pages, remaining_bytes;
	uint32_t slowdown_percent;
	uint64_t port_bps[GW_DP_MAX_PORTS];
};
void gw_report_sample(struct gw_report *r, const struct gw_report_sample *s);

/* Parts of the blackout, in their order. name: a literal. */
void gw_report_blackout_part(struct gw_report *r, const char *name, uint64_t ns);
void gw_report_drop(struct gw_report *r, const char *name, uint64_t count);

struct gw_report_end {
	uint64_t now_ns;
	enum gw_result result;
	const char *error;                  /* "" where none */
	uint64_t predicted_ns, blackout_ns; /* 0: not known, did not come to it */
	uint64_t state_bytes, worker_faults;
	uint32_t most_slowdown;      /* percent */
	uint64_t slowed_ns, lost_ns; /* how long the guest was slowed, and what that took from it */
	bool verify;
	uint64_t verified_pages, mismatched_pages;
	enum gw_dp_integrity integrity;
	const struct gw_outages *outages;
};
/* The report; a new reference. */
json_t *gw_report_json(
	struct gw_report *r, const struct gw_report_end *end, const struct gw_report_ports *ports);
/* Writes dir/ID.json in one step. */
int gw_report_write(const json_t *report, const char *dir, struct gw_err *err);

/* The share of a port's layer-1 rate that guest bytes can have: whole pages in as few packets as
 * the MTU allows. */
double gw_report_payload_share(uint32_t mtu, bool ipv6, enum gw_dp_integrity integrity);
