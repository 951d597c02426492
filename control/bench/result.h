/* SPDX-License-Identifier: BSD-3-Clause */
/* What a measurement means: rates, shares, cycles. Pure. */
#pragma once

#include "sender.h"

struct result_port { /* as it is set up */
	char name[32], driver[32];
	uint32_t mtu;
	bool ipv6;
	uint64_t line_rate_bps; /* cap or link; 0: unknown */
};

struct result_queue {
	uint32_t port, queue, cpu;
	double l1_bps,
		payload_bps; /* sent: all of a frame at layer 1; guest bytes, re-sends included */
	double packets_ps;
	uint64_t packets, lost_packets, resent_pages;
	double rtt_us[4]; /* p50, p90, p99, max; 0: no sample */
	uint64_t rtt_samples;
};

struct result_in { /* what a queue received */
	uint32_t port, queue, cpu;
	double l1_bps, packets_ps;
};

struct result_side {
	double cycles_per_page, cycles_per_packet;
	double busy, away; /* share of the workers' time */
	uint32_t n_queues;
	struct result_in queue[SNAPSHOT_MAX_QUEUES];
};

struct result {
	bool bound, cut;
	double seconds;
	double payload_bps;   /* into the receiver's memory */
	double line_share;    /* layer 1 sent, of all ports' line rates; 0: unknown */
	double payload_share; /* of what the line rates allow at this MTU; 0: unknown */
	double packets_ps;
	uint64_t lost_packets, resent_pages;
	uint64_t missed; /* by the ports' drivers, both ends */
	uint64_t drops;  /* counted by name, both ends */
	uint64_t faults;
	double rtt_us[4];
	struct result_side sender, receiver;
	uint32_t n_queues;
	struct result_queue queue[SNAPSHOT_MAX_QUEUES];
};

/* tsc_hz: of each end; port: of the sender, by its index. */
void result_of(const struct measurement *m, const struct result_port *port, uint32_t n_ports,
	uint8_t flags, struct result *r);

/* The nearest-rank percentiles that result shows, in microseconds. */
void result_percentiles(const struct gw_histogram *h, double out_us[4]);

/* Index of the measurement whose payload rate is the median (the lower of two). */
uint32_t result_median(const struct result *r, uint32_t n);
double result_median_of(const double *v, uint32_t n); /* n > 0; the mean of the middle two */
