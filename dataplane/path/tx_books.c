/* SPDX-License-Identifier: BSD-3-Clause */
/* A path's memory: made, filled into larger one, freed. */
#include "tx_path.h"

#include "../base/prefault.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct gw_tx_books *gw_tx_books_create(uint32_t records)
{
	const size_t head = (sizeof(struct gw_tx_books) + 63) / 64 * 64;
	const size_t bytes = head + records * sizeof(struct gw_tx_record) +
			     records * sizeof(struct gw_tx_run) +
			     records / GW_RATE_MARK_PACKETS * sizeof(struct gw_rate_mark);
	/* Populated now: a poll core must not take its first faults here. */
	struct gw_tx_books *b = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (b == MAP_FAILED)
		return NULL;
	gw_prefault(b, bytes);
	b->records = records;
	b->bytes = bytes;
	b->record = (struct gw_tx_record *)(void *)((uint8_t *)b + head);
	b->mark = (struct gw_rate_mark *)(void *)(b->record + records);
	b->run = (struct gw_tx_run *)(void *)(b->mark + records / GW_RATE_MARK_PACKETS);
	return b;
}

void gw_tx_books_free(struct gw_tx_books *b)
{
	if (b != NULL)
		munmap(b, b->bytes);
}

static void use_books(struct gw_tx_path *p, struct gw_tx_books *b)
{
	p->books = b;
	p->mask = b->records - 1;
	p->record = b->record;
	p->run = b->run;
	p->mark = b->mark;
}

int gw_tx_path_init(struct gw_tx_path *p, uint64_t rate_bps, uint64_t initial_credit)
{
	struct gw_tx_books *b = gw_tx_books_create(GW_TX_RECORDS);

	if (b == NULL)
		return -ENOMEM;
	memset(p, 0, sizeof(*p));
	use_books(p, b);
	gw_rate_init(&p->rate, rate_bps);
	p->credit = initial_credit;
	p->psn_end = GW_WIRE_PSN_MAX + 1;
	p->reorder = GW_TX_REORDER_MIN;
	p->reorder_time = 1;
	memset(p->lost_psn, 0xff, sizeof(p->lost_psn));
	return 0;
}

void gw_tx_path_release(struct gw_tx_path *p)
{
	gw_tx_books_free(p->books);
	p->books = NULL;
	p->record = NULL;
}

struct gw_tx_books *gw_tx_path_grow(struct gw_tx_path *p, struct gw_tx_books *b)
{
	struct gw_tx_books *old = p->books;
	const uint64_t marks = old->records / GW_RATE_MARK_PACKETS;
	uint64_t first = p->next_psn > old->records ? p->next_psn - old->records : 0;
	uint64_t last_mark = p->next_psn / GW_RATE_MARK_PACKETS;

	if (b->records <= old->records)
		return b;
	/* All of the old ring, not only what is outstanding: a packet that was declared lost may
	 * still turn up. */
	for (; first < p->next_psn; first++)
		b->record[first & (b->records - 1)] = old->record[first & (old->records - 1)];
	for (uint64_t n = last_mark >= marks ? last_mark - marks + 1 : 0; n <= last_mark; n++)
		b->mark[n & (b->records / GW_RATE_MARK_PACKETS - 1)] = old->mark[n & (marks - 1)];
	for (uint32_t n = p->run_tail; n != p->run_head; n++)
		b->run[n & (b->records - 1)] = old->run[n & (old->records - 1)];
	use_books(p, b);
	return old;
}
