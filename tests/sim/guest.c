/* SPDX-License-Identifier: BSD-3-Clause */
#include "guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST_PID 1000
#define CHECK_PAGES 64u

static struct {
	struct sim_vm vm[SIM_MAX_VMS];
	uint32_t n_vms;
	struct sim_instance instance[SIM_MAX_INSTANCES];
	uint32_t n_instances;
} g;
static void (*on_moment)(struct sim_instance *i, enum sim_moment m);

static void fill_page(uint64_t *page, uint32_t word)
{
	uint64_t v = word * 0x9e3779b97f4a7c15u;

	if (word == 0) {
		memset(page, 0, SIM_PAGE);
		return;
	}
	for (uint32_t i = 0; i < SIM_PAGE / 8; i++)
		page[i] = v ^ (i * 0xd1342543de82ef95u);
}

void sim_guests_reset(void)
{
	for (uint32_t n = 0; n < g.n_instances; n++) {
		struct sim_instance *i = &g.instance[n];

		for (uint32_t r = 0; r < i->vm->n_regions; r++) {
			munmap(i->at[r], i->vm->region_pages[r] * SIM_PAGE);
			close(i->fd[r]);
		}
		free(i->dirty);
	}
	for (uint32_t n = 0; n < g.n_vms; n++)
		free(g.vm[n].word);
	memset(&g, 0, sizeof(g));
}

struct sim_vm *sim_vm_create(
	const struct sim_profile *profile, const uint64_t *region_pages, uint32_t n_regions)
{
	struct sim_vm *vm = &g.vm[g.n_vms];

	snprintf(vm->name, sizeof(vm->name), "vm%u", g.n_vms++);
	vm->profile = *profile;
	vm->n_regions = n_regions;
	for (uint32_t r = 0; r < n_regions; r++) {
		vm->region_pages[r] = region_pages[r];
		vm->pages += region_pages[r];
	}
	vm->word = calloc(vm->pages, sizeof(*vm->word));
	vm->next_word = 1;
	return vm;
}

uint32_t sim_vms(void)
{
	return g.n_vms;
}

struct sim_vm *sim_vm(uint32_t n)
{
	return &g.vm[n];
}

uint32_t sim_instances(void)
{
	return g.n_instances;
}

struct sim_instance *sim_instance(uint32_t n)
{
	return &g.instance[n];
}

struct sim_instance *sim_instance_find(uint32_t host, const char *vm)
{
	for (uint32_t n = 0; n < g.n_instances; n++)
		if (g.instance[n].alive && g.instance[n].host == host &&
			strcmp(g.instance[n].vm->name, vm) == 0)
			return &g.instance[n];
	return NULL;
}

struct sim_instance *sim_instance_of_pid(int pid)
{
	return &g.instance[pid - FIRST_PID];
}

struct sim_instance *sim_runner(const struct sim_vm *vm)
{
	for (uint32_t n = 0; n < g.n_instances; n++)
		if (g.instance[n].vm == vm && g.instance[n].alive && g.instance[n].running)
			return &g.instance[n];
	return NULL;
}

/* ---- memory ---- */

static uint32_t region_of(const struct sim_vm *vm, uint64_t *page)
{
	uint32_t r = 0;

	while (*page >= vm->region_pages[r])
		*page -= vm->region_pages[r++];
	return r;
}

static void write_page(struct sim_instance *i, uint64_t flat, uint32_t word)
{
	uint64_t page = flat;
	uint32_t r = region_of(i->vm, &page);

	i->vm->word[flat] = word;
	fill_page((uint64_t *)(void *)(i->at[r] + page * SIM_PAGE), word);
}

/* Memory that the guest gives back: it reads as zeros, and no tracking tells. */
static void punch(struct sim_instance *i, uint64_t flat, uint64_t count)
{
	struct sim_vm *vm = i->vm;
	uint64_t page = flat;
	uint32_t r = region_of(vm, &page);

	if (count > vm->region_pages[r] - page)
		count = vm->region_pages[r] - page;
	fallocate(i->fd[r], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(page * SIM_PAGE),
		(off_t)(count * SIM_PAGE));
	for (uint64_t n = flat; n < flat + count; n++) {
		vm->word[n] = 0;
		if (!vm->profile.push)
			i->dirty[n / 64] &= ~(UINT64_C(1) << (n % 64));
	}
}

bool sim_instance_true(const struct sim_instance *i, char *text, size_t size)
{
	static uint8_t got[CHECK_PAGES * SIM_PAGE];
	static uint64_t want[SIM_PAGE / 8];
	uint64_t flat = 0;

	for (uint32_t r = 0; r < i->vm->n_regions; r++) {
		for (uint64_t p = 0; p < i->vm->region_pages[r]; p++, flat++) {
			if (p % CHECK_PAGES == 0 &&
				pread(i->fd[r], got, sizeof(got), (off_t)(p * SIM_PAGE)) < 0)
				abort();
			fill_page(want, i->vm->word[flat]);
			if (memcmp(want, got + p % CHECK_PAGES * SIM_PAGE, SIM_PAGE) == 0)
				continue;
			snprintf(text, size, "region %u page %llu should hold word %u", r,
				(unsigned long long)p, i->vm->word[flat]);
			return false;
		}
	}
	return true;
}

bool sim_instance_empty(const struct sim_instance *i)
{
	for (uint32_t r = 0; r < i->vm->n_regions; r++)
		if (lseek(i->fd[r], 0, SEEK_DATA) >= 0)
			return false;
	return true;
}

uint64_t sim_instance_hash(const struct sim_instance *i)
{
	static uint64_t got[CHECK_PAGES * SIM_PAGE / 8];
	uint64_t h = 0;

	for (uint32_t r = 0; r < i->vm->n_regions; r++) {
		for (uint64_t p = 0; p < i->vm->region_pages[r]; p += CHECK_PAGES) {
			ssize_t n = pread(i->fd[r], got, sizeof(got), (off_t)(p * SIM_PAGE));

			for (ssize_t k = 0; k < n / 8; k++)
				h = (h ^ got[k]) * 0x9e3779b97f4a7c15u + (h >> 29);
		}
	}
	return h;
}

/* ---- the guest ---- */

static uint64_t next_page(struct sim_instance *i)
{
	const struct sim_profile *p = &i->vm->profile;

	if (sim_chance(p->sequential))
		return i->cursor++ % i->vm->pages;
	if (p->hot_pages == 0 || sim_chance(p->cold))
		return sim_random() % i->vm->pages;
	return sim_below(p->hot_pages) % i->vm->pages;
}

static void write_burst(void *ctx)
{
	struct sim_instance *i = ctx;
	const struct sim_profile *p = &i->vm->profile;

	sim_after(&i->writer,
		(uint64_t)((double)p->write_ns * sim_log_between(0.2, 3) * 100 /
			   (100 - i->stunned_pct)),
		write_burst, i);
	for (uint32_t n = 0; n < p->burst_pages && !i->blocked; n++) {
		uint64_t flat = next_page(i);

		if (sim_chance(p->punch)) {
			punch(i, flat, 1 + sim_below(16));
			continue;
		}
		write_page(i, flat, sim_chance(p->zero) ? 0 : i->vm->next_word++);
		if (i->tracking)
			sim_exporter_pages(i, flat, 1);
	}
}

void sim_instance_run(struct sim_instance *i)
{
	struct sim_instance *other = sim_runner(i->vm);
	char text[128];

	if (i->running)
		return;
	if (other != NULL)
		sim_broken("two runners of %s: on host %u and on host %u", i->vm->name, other->host,
			i->host);
	if (i->ran && i->turn != i->vm->moves)
		sim_broken("%s runs again on host %u after it ran elsewhere", i->vm->name, i->host);
	if (!i->ran) {
		i->turn = ++i->vm->moves;
		if (!sim_instance_true(i, text, sizeof(text)))
			sim_broken("%s starts on host %u with wrong memory: %s", i->vm->name,
				i->host, text);
		if (i->fenced && i->fence_hash != sim_instance_hash(i))
			sim_broken("%s: something was stored after the fence", i->vm->name);
	}
	sim_trace("guest %s runs on host %u", i->vm->name, i->host);
	i->running = i->ran = true;
	if (i->vm->profile.write_ns != 0)
		sim_after(&i->writer, i->vm->profile.write_ns / 2, write_burst, i);
	sim_moment(i, SIM_RESUMED);
}

void sim_instance_pause(struct sim_instance *i)
{
	if (!i->running)
		return;
	sim_trace("guest %s pauses on host %u", i->vm->name, i->host);
	i->running = false;
	sim_stop(&i->writer);
	sim_moment(i, SIM_PAUSED);
}

void sim_on_moment(void (*fn)(struct sim_instance *i, enum sim_moment m))
{
	on_moment = fn;
}

void sim_moment(struct sim_instance *i, enum sim_moment m)
{
	if (on_moment != NULL && i->alive)
		on_moment(i, m);
}

void sim_instance_kill(struct sim_instance *i)
{
	if (!i->alive)
		return;
	sim_trace("hypervisor of %s on host %u ends", i->vm->name, i->host);
	i->alive = false;
	sim_instance_pause(i);
	sim_exporter_gone(i);
}

void sim_instance_write(struct sim_instance *i, uint64_t flat)
{
	write_page(i, flat, i->vm->next_word++);
	if (i->tracking)
		sim_exporter_pages(i, flat, 1);
}

static void first_contents(struct sim_instance *i, double fill)
{
	for (uint64_t flat = 0; flat < i->vm->pages;) {
		uint64_t run = 1 + sim_below(64);
		bool data = sim_chance(fill);

		for (; run > 0 && flat < i->vm->pages; run--, flat++)
			if (data)
				write_page(i, flat,
					sim_chance(i->vm->profile.zero) ? 0 : i->vm->next_word++);
	}
}

struct sim_instance *sim_instance_create(
	struct sim_vm *vm, uint32_t host, bool running, double fill)
{
	struct sim_instance *i = &g.instance[g.n_instances];

	if (g.n_instances == SIM_MAX_INSTANCES) {
		sim_broken("more than %u instances", SIM_MAX_INSTANCES);
		return &g.instance[0];
	}
	*i = (struct sim_instance){.vm = vm, .host = host, .alive = true, .incoming = !running};
	i->pid = FIRST_PID + (int)g.n_instances++;
	i->dirty = calloc((vm->pages + 63) / 64, 8);
	for (uint32_t r = 0; r < vm->n_regions; r++) {
		uint64_t bytes = vm->region_pages[r] * SIM_PAGE;

		i->fd[r] = memfd_create("sim-guest", MFD_CLOEXEC);
		if (i->fd[r] < 0 || ftruncate(i->fd[r], (off_t)bytes) != 0)
			abort();
		i->at[r] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, i->fd[r], 0);
		if (i->at[r] == MAP_FAILED)
			abort();
	}
	if (running) {
		first_contents(i, fill);
		i->ran = true;
		i->running = true;
		if (vm->profile.write_ns != 0)
			sim_after(&i->writer, vm->profile.write_ns, write_burst, i);
	}
	return i;
}
