/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop's timers: a binary heap. */
#include "loop_internal.h"

#include "../dataplane/base/clock.h"

#include <stdlib.h>

#define TIMER_IDLE SIZE_MAX

struct gw_timer {
	struct gw_loop *loop;
	uint64_t due_ns;
	uint64_t period_ns;
	size_t slot; /* in the heap, or TIMER_IDLE */
	void (*fn)(void *ctx);
	void *ctx;
};

static void heap_place(struct gw_loop *loop, size_t slot, struct gw_timer *timer)
{
	loop->heap[slot] = timer;
	timer->slot = slot;
}

static void heap_up(struct gw_loop *loop, size_t slot, struct gw_timer *timer)
{
	while (slot > 0 && loop->heap[(slot - 1) / 2]->due_ns > timer->due_ns) {
		heap_place(loop, slot, loop->heap[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	heap_place(loop, slot, timer);
}

static void heap_down(struct gw_loop *loop, size_t slot, struct gw_timer *timer)
{
	for (size_t child = 2 * slot + 1; child < loop->n_heap; child = 2 * slot + 1) {
		if (child + 1 < loop->n_heap &&
		        loop->heap[child + 1]->due_ns < loop->heap[child]->due_ns)
			child++;
		if (loop->heap[child]->due_ns >= timer->due_ns)
			break;
		heap_place(loop, slot, loop->heap[child]);
		slot = child;
	}
	heap_place(loop, slot, timer);
}

struct gw_timer *gw_timer_create(struct gw_loop *loop, void (*fn)(void *ctx), void *ctx)
{
	struct gw_timer **heap = realloc(loop->heap, (loop->n_timers + 1) * sizeof(*heap));
	struct gw_timer *timer;

	if (heap == NULL)
		return NULL;
	loop->heap = heap;
	timer = calloc(1, sizeof(*timer));
	if (timer == NULL)
		return NULL;
	*timer = (struct gw_timer){.loop = loop, .slot = TIMER_IDLE, .fn = fn, .ctx = ctx};
	loop->n_timers++;
	return timer;
}

static void timer_insert(struct gw_timer *timer, uint64_t due_ns)
{
	timer->due_ns = due_ns;
	heap_up(timer->loop, timer->loop->n_heap++, timer);
}

void gw_timer_set(struct gw_timer *timer, uint64_t delay_ns, uint64_t period_ns)
{
	uint64_t now_ns = gw_now_ns();

	gw_timer_stop(timer);
	timer->period_ns = period_ns;
	timer_insert(timer, delay_ns < UINT64_MAX - now_ns ? now_ns + delay_ns : UINT64_MAX);
}

void gw_timer_stop(struct gw_timer *timer)
{
	struct gw_loop *loop = timer->loop;
	struct gw_timer *last;

	if (timer->slot == TIMER_IDLE)
		return;
	last = loop->heap[--loop->n_heap];
	if (last != timer) {
		if (last->due_ns < timer->due_ns)
			heap_up(loop, timer->slot, last);
		else
			heap_down(loop, timer->slot, last);
	}
	timer->slot = TIMER_IDLE;
}

void gw_timer_free(struct gw_timer **timer)
{
	if (*timer == NULL)
		return;
	gw_timer_stop(*timer);
	(*timer)->loop->n_timers--;
	free(*timer);
	*timer = NULL;
}

bool gw_loop_timer_wait(const struct gw_loop *loop, struct timespec *wait)
{
	uint64_t now_ns = gw_now_ns();
	uint64_t wait_ns;

	*wait = (struct timespec){0};
	if (loop->n_heap == 0)
		return false;
	if (loop->heap[0]->due_ns > now_ns) {
		wait_ns = loop->heap[0]->due_ns - now_ns;
		wait->tv_sec = (time_t)(wait_ns / GW_NS_PER_S);
		wait->tv_nsec = (long)(wait_ns % GW_NS_PER_S);
	}
	return true;
}

/* Timers that a callback makes due again wait for the next turn, so descriptors are never starved.
 */
void gw_loop_run_timers(struct gw_loop *loop)
{
	uint64_t now_ns = gw_now_ns();

	while (!loop->stopping && loop->n_heap > 0 && loop->heap[0]->due_ns <= now_ns) {
		struct gw_timer *timer = loop->heap[0];
		uint64_t next_ns = timer->due_ns + timer->period_ns;

		gw_timer_stop(timer);
		if (timer->period_ns != 0)
			timer_insert(timer, next_ns > now_ns ? next_ns : now_ns + timer->period_ns);
		timer->fn(timer->ctx); /* may free it */
	}
}
