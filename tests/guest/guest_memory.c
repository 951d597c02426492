/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest_memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096u
#define WORDS (PAGE / sizeof(uint64_t))
#define STEP 0x9e3779b97f4a7c15ull
#define PRINTED_MAX 20u

struct guest_memory {
	uint64_t *base;
	uint32_t *generation;
	uint64_t pages, hot_pages;
	uint64_t written; /* generations given after the first */
	uint64_t next;    /* page the check looks at next */
	uint64_t random;
	uint32_t printed;
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static void fill(uint64_t *page, uint64_t seed)
{
	for (uint64_t i = 0; i < WORDS; i++, seed += STEP)
		page[i] = seed;
}

static bool holds(const uint64_t *page, uint64_t seed)
{
	uint64_t wrong = 0;

	for (uint64_t i = 0; i < WORDS; i++, seed += STEP)
		wrong |= page[i] ^ seed;
	return wrong == 0;
}

static uint64_t seed_of(const struct guest_memory *m, uint64_t page)
{
	return mix((page + 1) << 32 | m->generation[page]);
}

static void *map(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct guest_memory *guest_memory_create(uint64_t bytes, uint32_t hot_percent)
{
	struct guest_memory *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->pages = bytes / PAGE ? bytes / PAGE : 1;
	m->hot_pages = m->pages * hot_percent / 100;
	m->random = 88172645463325252ull;
	m->base = map(m->pages * PAGE);
	m->generation = map(m->pages * sizeof(*m->generation));
	if (!m->base || !m->generation) {
		free(m);
		return NULL;
	}
	for (uint64_t p = 0; p < m->pages; p++) {
		m->generation[p] = 1;
		fill(m->base + p * WORDS, seed_of(m, p));
	}
	return m;
}

/* A stale page shows which older generation it holds: that tells which epoch was lost. */
static void print_wrong(struct guest_memory *m, uint64_t page)
{
	const uint64_t *at = m->base + page * WORDS;
	uint32_t is = m->generation[page];

	if (m->printed++ >= PRINTED_MAX)
		return;
	for (uint32_t g = is; g > 0 && is - g < 1000; g--)
		if (at[0] == mix((page + 1) << 32 | g)) {
			printf("ERROR page %llu holds generation %u of %u%s\n",
				(unsigned long long)page, g, is, holds(at, at[0]) ? "" : ", torn");
			return;
		}
	printf("ERROR page %llu generation %u holds %016llx %016llx\n", (unsigned long long)page,
		is, (unsigned long long)at[0], (unsigned long long)at[1]);
}

static uint64_t check(struct guest_memory *m, uint64_t page)
{
	if (holds(m->base + page * WORDS, seed_of(m, page)))
		return 0;
	print_wrong(m, page);
	/* One loss is one error: what is there now is what the next check expects. */
	m->generation[page]++;
	m->written++;
	fill(m->base + page * WORDS, seed_of(m, page));
	return 1;
}

static uint64_t choose(struct guest_memory *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	if (m->hot_pages && m->random % 10 != 0)
		return (m->random >> 8) % m->hot_pages;
	return (m->random >> 8) % m->pages;
}

uint64_t guest_memory_write(struct guest_memory *m)
{
	uint64_t page = choose(m);
	uint64_t errors = check(m, page);

	m->generation[page]++;
	m->written++;
	fill(m->base + page * WORDS, seed_of(m, page));
	return errors;
}

/* A page of generations that went stale together with its data would look right: the sum does not.
 */
static uint64_t check_sum(struct guest_memory *m)
{
	uint64_t sum = 0;

	for (uint64_t p = 0; p < m->pages; p++)
		sum += m->generation[p];
	if (sum == m->pages + m->written)
		return 0;
	printf("ERROR %llu writes are counted, the pages hold %llu\n",
		(unsigned long long)m->written, (unsigned long long)(sum - m->pages));
	m->written = sum - m->pages;
	return 1;
}

uint64_t guest_memory_check(struct guest_memory *m, uint64_t *pass)
{
	uint64_t errors = check(m, m->next);

	if (++m->next == m->pages) {
		m->next = 0;
		errors += check_sum(m);
		++*pass;
	}
	return errors;
}

uint64_t guest_memory_pages(const struct guest_memory *m)
{
	return m->pages;
}

int guest_memory_touch(uint64_t bytes, int release)
{
	uint64_t *p = map(bytes);

	if (!p)
		return -1;
	for (uint64_t i = 0; i < bytes / PAGE; i++)
		fill(p + i * WORDS, mix(i + 1));
	return release ? munmap(p, bytes) : 0;
}
