/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of the paths' books: it grows with what a path holds outstanding. A poll core neither
 * allocates nor faults, so control makes it and the worker moves in. Control thread only. */
#include "internal.h"

#define GROW 4u
/* All grown books together. */
#define BYTES_MAX (1ull << 30)

static uint64_t counted(const struct gw_tx_books *b)
{
	return b->records > GW_TX_RECORDS ? b->bytes : 0;
}

void gw_books_short(struct gw_dp *dp, const struct gw_path_out *path, uint32_t slot)
{
	const struct gw_path_out *p = dp->out[slot];
	struct gw_tx_books *b;
	uint32_t records;

	/* Its link may have gone since it asked. A path that never hears again keeps what it has.
	 */
	if (p != path)
		return;
	/* Only control hands out books, and it waits for an answer: the size is not changing now.
	 */
	records = p->tx.books->records * GROW;
	if (records > GW_TX_RECORDS_MAX)
		records = GW_TX_RECORDS_MAX;
	b = dp->books_bytes < BYTES_MAX ? gw_tx_books_create(records) : NULL;
	if (b == NULL)
		return;
	b->owner = path;
	dp->books_bytes += counted(b);
	gw_dp_command(dp, p->worker, GW_CMD_BOOKS, b, slot);
}

void gw_books_back(struct gw_dp *dp, struct gw_tx_books *b)
{
	if (b == NULL)
		return;
	dp->books_bytes -= counted(b);
	gw_tx_books_free(b);
}
