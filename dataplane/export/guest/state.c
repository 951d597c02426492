/* SPDX-License-Identifier: BSD-3-Clause */
#include "state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STATE_MAGIC "GWGUEST1"

struct guest_state {
	char magic[8];
	struct guest_profile profile;
	uint64_t counter; /* also in RAM: the two must agree */
	uint64_t errors;
	struct worker_state worker[GUEST_THREADS_MAX];
};

int guest_state_save(struct guest *g, int *fd, uint64_t *size_bytes, struct gw_export_reason *why)
{
	struct guest_state s = {.profile = g->profile, .errors = guest_status(g).errors};

	memcpy(s.magic, STATE_MAGIC, sizeof(s.magic));
	s.counter = guest_ram_header(&g->ram)->counter;
	for (uint32_t i = 0; i < g->n_workers; i++)
		s.worker[i] = g->worker[i].state;
	*fd = memfd_create("godwit-guest-state", MFD_CLOEXEC);
	if (*fd < 0)
		return gw_export_why(why, -errno, "memfd_create: %s", strerror(errno));
	if (write(*fd, &s, sizeof(s)) != (ssize_t)sizeof(s)) {
		close(*fd);
		return gw_export_why(why, -EIO, "device state could not be written");
	}
	*size_bytes = sizeof(s);
	return 0;
}

/* The table of generations and the work done count the same writes; a lost page of the table,
 * together with the pages that it is about, would look consistent without this. */
static void compare_work(struct guest *g, const struct guest_state *s)
{
	uint64_t counter = guest_ram_header(&g->ram)->counter;
	uint64_t table = 0, work = 0;

	for (uint64_t i = g->ram.first_data_page; i < g->ram.n_pages; i++)
		table += *guest_ram_generation(&g->ram, i);
	for (uint32_t i = 0; i < g->n_workers; i++)
		work += g->worker[i].state.written;
	if (table != work) {
		g->load_errors++;
		fprintf(stderr,
			"godwit-guest: %" PRIu64 " pages were written, the generations say %" PRIu64
			"\n",
			work, table);
	}
	if (counter != s->counter) {
		g->load_errors++;
		fprintf(stderr,
			"godwit-guest: the counter stood at %" PRIu64 ", RAM has %" PRIu64 "\n",
			s->counter, counter);
	}
}

int guest_state_load(struct guest *g, int fd, uint64_t size_bytes, struct gw_export_reason *why)
{
	struct guest_state s;
	const char *error;

	if (size_bytes != sizeof(s) || pread(fd, &s, sizeof(s), 0) != (ssize_t)sizeof(s))
		return gw_export_why(why, -EINVAL,
			"device state of %" PRIu64 " bytes, expected %zu", size_bytes, sizeof(s));
	if (memcmp(s.magic, STATE_MAGIC, sizeof(s.magic)) != 0)
		return gw_export_why(why, -EINVAL, "not a godwit-guest's device state");
	error = guest_profile_error(&s.profile);
	if (error != NULL)
		return gw_export_why(why, -EINVAL, "device state: %s", error);
	if (s.profile.ram_bytes != g->profile.ram_bytes || s.profile.regions != g->profile.regions)
		return gw_export_why(why, -EINVAL,
			"the guest has %" PRIu64 " bytes in %u regions, this one %" PRIu64 " in %u",
			s.profile.ram_bytes, s.profile.regions, g->profile.ram_bytes,
			g->profile.regions);

	g->profile = s.profile;
	guest_make_threads(g);
	g->ticker.counter = s.counter;
	g->load_errors = s.errors;
	for (uint32_t i = 0; i < g->n_workers; i++) {
		g->worker[i].state = s.worker[i];
		g->worker[i].verify_first = true;
	}
	compare_work(g, &s);
	return 0;
}
