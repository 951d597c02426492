/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The simulator's engine: virtual time, an event queue, and the only source of chance. One world at
 * a time, one thread, no clock: what happens is a function of the seed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An event belongs to whoever embeds it; zeroed it is idle. */
struct sim_event {
	uint64_t at_ns, order; /* events of one moment come in the order in which they were set */
	size_t slot;           /* in the queue, plus one; 0: idle */
	void (*fn)(void *ctx);
	void *ctx;
};

/* Virtual time begins at this, so that nothing takes 0 for "now". */
#define SIM_START_NS 1000000000ull

void sim_reset(uint64_t seed); /* forgets all events */
uint64_t sim_now(void);

/* Sets (again) or stops an event. */
void sim_at(struct sim_event *ev, uint64_t at_ns, void (*fn)(void *ctx), void *ctx);
void sim_after(struct sim_event *ev, uint64_t delay_ns, void (*fn)(void *ctx), void *ctx);
void sim_stop(struct sim_event *ev);

/* Runs the next event. False: there is none, or it comes after until_ns (time then is until_ns). */
bool sim_step(uint64_t until_ns);
uint64_t sim_events(void); /* how many ran */

/* Chance: splitmix64 (Steele, Lea, Flood 2014). */
uint64_t sim_random(void);
uint32_t sim_below(uint32_t n);                    /* [0, n); 0 for 0 */
uint64_t sim_between(uint64_t low, uint64_t high); /* [low, high] */
bool sim_chance(double p);
/* Between low and high, each order of magnitude as likely as the others. */
double sim_log_between(double low, double high);

/* The trace: a line with the time in front where tracing is on; always part of the digest. */
void sim_trace_on(bool on);
bool sim_tracing(void);
void sim_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A remark that is no part of what happened: only where tracing is on. */
void sim_remark(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t sim_digest(void);
void sim_digest_add(uint64_t value); /* something that happened, too frequent for a line */

/* An invariant does not hold: noted (the first counts), traced, and the run ends. */
void sim_broken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *sim_broken_text(void); /* NULL: none */
