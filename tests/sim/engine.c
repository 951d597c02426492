/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	uint64_t now_ns, order, ran, rng, digest;
	struct sim_event **heap;
	size_t n, size;
	bool tracing;
	bool broken;
	char broken_text[512];
} e;

void sim_reset(uint64_t seed)
{
	for (size_t i = 0; i < e.n; i++)
		e.heap[i]->slot = 0;
	e.n = 0;
	e.now_ns = SIM_START_NS;
	e.order = e.ran = 0;
	e.rng = seed * 0x9e3779b97f4a7c15u + 1;
	e.digest = 14695981039346656037u;
	e.broken = false;
}

uint64_t sim_now(void)
{
	return e.now_ns;
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void place(size_t i, struct sim_event *ev)
{
	e.heap[i] = ev;
	ev->slot = i + 1;
}

static void up(size_t i, struct sim_event *ev)
{
	for (; i > 0 && before(ev, e.heap[(i - 1) / 2]); i = (i - 1) / 2)
		place(i, e.heap[(i - 1) / 2]);
	place(i, ev);
}

static void down(size_t i, struct sim_event *ev)
{
	for (size_t c = 2 * i + 1; c < e.n; c = 2 * i + 1) {
		if (c + 1 < e.n && before(e.heap[c + 1], e.heap[c]))
			c++;
		if (!before(e.heap[c], ev))
			break;
		place(i, e.heap[c]);
		i = c;
	}
	place(i, ev);
}

void sim_stop(struct sim_event *ev)
{
	struct sim_event *last;
	size_t i;

	if (ev->slot == 0)
		return;
	i = ev->slot - 1;
	ev->slot = 0;
	last = e.heap[--e.n];
	if (last == ev)
		return;
	if (i > 0 && before(last, e.heap[(i - 1) / 2]))
		up(i, last);
	else
		down(i, last);
}

void sim_at(struct sim_event *ev, uint64_t at_ns, void (*fn)(void *ctx), void *ctx)
{
	sim_stop(ev);
	if (e.n == e.size) {
		e.size = e.size == 0 ? 256 : e.size * 2;
		e.heap = realloc(e.heap, e.size * sizeof(*e.heap));
		if (e.heap == NULL)
			abort();
	}
	ev->at_ns = at_ns > e.now_ns ? at_ns : e.now_ns;
	ev->order = e.order++;
	ev->fn = fn;
	ev->ctx = ctx;
	up(e.n++, ev);
}

void sim_after(struct sim_event *ev, uint64_t delay_ns, void (*fn)(void *ctx), void *ctx)
{
	sim_at(ev, delay_ns < UINT64_MAX - e.now_ns ? e.now_ns + delay_ns : UINT64_MAX, fn, ctx);
}

bool sim_step(uint64_t until_ns)
{
	struct sim_event *ev;

	if (e.broken)
		return false;
	if (e.n == 0 || e.heap[0]->at_ns > until_ns) {
		e.now_ns = until_ns > e.now_ns ? until_ns : e.now_ns;
		return false;
	}
	ev = e.heap[0];
	e.now_ns = ev->at_ns;
	e.ran++;
	sim_stop(ev);
	ev->fn(ev->ctx); /* may free it */
	return true;
}

uint64_t sim_events(void)
{
	return e.ran;
}

uint64_t sim_random(void)
{
	uint64_t z = e.rng += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t sim_below(uint32_t n)
{
	return (uint32_t)((sim_random() >> 32) * n >> 32);
}

uint64_t sim_between(uint64_t low, uint64_t high)
{
	return low + sim_random() % (high - low + 1);
}

bool sim_chance(double p)
{
	return p > 0 && (double)(sim_random() >> 11) * 0x1p-53 < p;
}

double sim_log_between(double low, double high)
{
	return low * exp((double)(sim_random() >> 11) * 0x1p-53 * log(high / low));
}

void sim_trace_on(bool on)
{
	e.tracing = on;
}

bool sim_tracing(void)
{
	return e.tracing;
}

void sim_digest_add(uint64_t value)
{
	e.digest = (e.digest ^ value ^ e.now_ns) * 1099511628211u;
	e.digest ^= e.digest >> 31;
}

uint64_t sim_digest(void)
{
	return e.digest;
}

static void print(const char *text)
{
	fprintf(stderr, "%12.6f %s\n", (double)(e.now_ns - SIM_START_NS) / 1e6, text);
}

void sim_trace(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (const char *c = text; *c != '\0'; c++)
		sim_digest_add((uint8_t)*c);
	if (e.tracing)
		print(text);
}

void sim_remark(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!e.tracing)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print(text);
}

void sim_broken(const char *fmt, ...)
{
	va_list ap;

	if (e.broken)
		return;
	e.broken = true;
	va_start(ap, fmt);
	vsnprintf(e.broken_text, sizeof(e.broken_text), fmt, ap);
	va_end(ap);
	sim_trace("BROKEN: %s", e.broken_text);
}

const char *sim_broken_text(void)
{
	return e.broken ? e.broken_text : NULL;
}
