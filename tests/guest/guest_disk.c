/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 4096u
#define BLOCKS 1024u
#define WORDS (BLOCK / sizeof(uint64_t))

struct guest_disk {
	int fd;
	uint64_t *buffer;         /* aligned for direct access */
	uint64_t content[BLOCKS]; /* step that wrote the block, 0: never written */
	uint64_t step;
};

struct guest_disk *guest_disk_open(const char *path)
{
	struct guest_disk *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (d->fd >= 0 && lseek(d->fd, 0, SEEK_END) >= (off_t)BLOCK * BLOCKS)
		d->buffer = aligned_alloc(BLOCK, BLOCK);
	if (!d->buffer) {
		if (d->fd >= 0)
			close(d->fd);
		free(d);
		return NULL;
	}
	return d;
}

static uint64_t word(uint64_t block, uint64_t content, uint64_t i)
{
	return (content << 32 | block << 16 | i) * 0x9e3779b97f4a7c15ull;
}

static uint64_t check(struct guest_disk *d, uint64_t block)
{
	ssize_t n = pread(d->fd, d->buffer, BLOCK, (off_t)(block * BLOCK));

	if (n != BLOCK) {
		printf("ERROR disk block %llu: read: %s\n", (unsigned long long)block,
			strerror(errno));
		return 1;
	}
	for (uint64_t i = 0; i < WORDS; i++)
		if (d->buffer[i] != word(block, d->content[block], i)) {
			printf("ERROR disk block %llu does not hold step %llu\n",
				(unsigned long long)block, (unsigned long long)d->content[block]);
			return 1;
		}
	return 0;
}

uint64_t guest_disk_step(struct guest_disk *d)
{
	uint64_t block = d->step++ % BLOCKS;
	uint64_t earlier = (d->step * 2654435761u) % BLOCKS;
	uint64_t errors;

	for (uint64_t i = 0; i < WORDS; i++)
		d->buffer[i] = word(block, d->step, i);
	if (pwrite(d->fd, d->buffer, BLOCK, (off_t)(block * BLOCK)) != BLOCK) {
		printf("ERROR disk block %llu: write: %s\n", (unsigned long long)block,
			strerror(errno));
		return 1;
	}
	d->content[block] = d->step;
	errors = check(d, block);
	if (d->content[earlier])
		errors += check(d, earlier);
	return errors;
}
