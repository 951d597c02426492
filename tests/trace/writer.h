/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread that stores into a memory without pause, to random and to sequential pages in turn, and
 * keeps what took long. A first store to a page that is protected takes a fault: some microseconds,
 * which no step can spare it. So only what lasts longer than WRITER_NOTED_NS counts.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define WRITER_NOTED_NS 50000
#define WRITER_STALLS_MAX 65536u

struct writer_stall {
	uint64_t start, end; /* TSC */
	bool preempted;      /* somebody else had its CPU */
};

struct writer {
	uint8_t *base;
	uint64_t n_pages;
	uint64_t noted_tsc; /* WRITER_NOTED_NS */
	int cpu;
	pthread_t thread;
	int state;         /* atomic: enum writer_state, set by who owns the writer */
	int rests;         /* atomic: set by the thread: it has seen that it is to rest */
	uint32_t n_stalls; /* of the thread; read while it rests */
	struct writer_stall stall[WRITER_STALLS_MAX];
};

/* Starts the thread, at rest. 0 or a negative errno. */
int writer_start(struct writer *w, uint8_t *base, uint64_t n_pages, uint64_t noted_tsc, int cpu);

/* Forgets all stalls and goes on. */
void writer_go(struct writer *w);

/* Returns when it has stopped storing. */
void writer_rest(struct writer *w);

void writer_end(struct writer *w);
