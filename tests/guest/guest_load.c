/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The only program of a test guest. It writes its memory without pause at a given rate, checks all
 * of it against what it knows it wrote, does the same with its disk, and keeps the page that the
 * host-side observer reads. Options come from the kernel's command line:
 *
 *   gw.rate=2000      pages written per second
 *   gw.ram=60%        memory that is written and checked (a share of the guest's, or 64M, 1G)
 *   gw.hot=10         nine of ten writes go to this percentage of it; 0: evenly
 *   gw.check=20000    pages checked per second; default: all of it each four seconds
 *   gw.touch=1536M    fill this much more with non-zero pages at the start
 *   gw.free=64M       fill this much and give it back before the start (for the balloon to take)
 *   gw.poweroff=10    seconds after which the guest powers itself off
 */
#include "guest_disk.h"
#include "guest_memory.h"
#include "observe_page.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define MS_NS 1000000ll

struct options {
	uint64_t rate, check, ram_bytes, touch_bytes, free_bytes, poweroff_s;
	uint32_t hot_percent;
};

/* The page is written by three threads, each with its own fields; errors are added atomically. */
struct load {
	struct observe_page *page;
	struct guest_memory *memory;
	struct options opt;
	uint64_t disk_steps;
	bool disk;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	struct timespec t = {.tv_sec = ns / 1000000000ll, .tv_nsec = ns % 1000000000ll};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void add_errors(struct load *l, uint64_t n)
{
	if (n)
		__atomic_fetch_add(&l->page->errors, n, __ATOMIC_RELAXED);
}

static void *count(void *arg)
{
	struct load *l = arg;
	struct sched_param first = {.sched_priority = 50};
	int64_t next = now_ns();

	/* The load must not hold the counter back: its gaps are what is measured. */
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &first);
	for (;;) {
		int64_t now = now_ns();

		next = next + MS_NS > now ? next + MS_NS : now; /* never catch up in a burst */
		sleep_until(next);
		__atomic_fetch_add(&l->page->counter, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *write_and_check(void *arg)
{
	struct load *l = arg;
	uint64_t pass = 0;
	double writes = 0, checks = 0;
	int64_t last = now_ns();

	for (;;) {
		int64_t now;

		sleep_until(last + MS_NS);
		now = now_ns();
		/* What a slow host made us miss is not made up for: that would only be a burst. */
		double s = now - last > 50 * MS_NS ? 0.05 : (double)(now - last) / 1e9;
		last = now;
		for (writes += s * (double)l->opt.rate; writes >= 1; writes--) {
			add_errors(l, guest_memory_write(l->memory));
			__atomic_fetch_add(&l->page->work, 1, __ATOMIC_RELAXED);
		}
		for (checks += s * (double)l->opt.check; checks >= 1; checks--)
			add_errors(l, guest_memory_check(l->memory, &pass));
		__atomic_store_n(&l->page->checks, pass, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *use_disk(void *arg)
{
	struct load *l = arg;
	struct guest_disk *d = guest_disk_open("/dev/vda");

	if (!d)
		return NULL;
	l->disk = true;
	for (;;) {
		add_errors(l, guest_disk_step(d));
		__atomic_fetch_add(&l->disk_steps, 1, __ATOMIC_RELAXED);
		usleep(100000);
	}
	return NULL;
}

/* "64M", "1G", "4096", or a percentage of the guest's memory. */
static uint64_t parse_bytes(const char *text)
{
	struct sysinfo info;
	char *end;
	double n = strtod(text, &end);

	sysinfo(&info);
	switch (*end) {
	case '%':
		return (uint64_t)(n / 100 * (double)info.totalram * info.mem_unit);
	case 'K':
		return (uint64_t)(n * 1024);
	case 'M':
		return (uint64_t)(n * 1024 * 1024);
	case 'G':
		return (uint64_t)(n * 1024 * 1024 * 1024);
	default:
		return (uint64_t)n;
	}
}

static void set_option(struct options *o, const char *key, const char *value)
{
	if (!strcmp(key, "gw.rate"))
		o->rate = strtoull(value, NULL, 10);
	else if (!strcmp(key, "gw.check"))
		o->check = strtoull(value, NULL, 10);
	else if (!strcmp(key, "gw.ram"))
		o->ram_bytes = parse_bytes(value);
	else if (!strcmp(key, "gw.touch"))
		o->touch_bytes = parse_bytes(value);
	else if (!strcmp(key, "gw.free"))
		o->free_bytes = parse_bytes(value);
	else if (!strcmp(key, "gw.hot"))
		o->hot_percent = (uint32_t)strtoul(value, NULL, 10);
	else if (!strcmp(key, "gw.poweroff"))
		o->poweroff_s = strtoull(value, NULL, 10);
	else
		printf("unknown option %s\n", key);
}

static void read_options(struct options *o)
{
	static char line[4096];
	FILE *f = fopen("/proc/cmdline", "r");

	*o = (struct options){.rate = 2000, .ram_bytes = parse_bytes("60%")};
	if (f) {
		if (!fgets(line, sizeof(line), f))
			line[0] = '\0';
		fclose(f);
	}
	for (char *save, *w = strtok_r(line, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		char *value = strchr(w, '=');

		if (strncmp(w, "gw.", 3) != 0 || !value)
			continue;
		*value++ = '\0';
		set_option(o, w, value);
	}
	if (o->hot_percent > 100)
		o->hot_percent = 100;
	if (!o->check)
		o->check = o->ram_bytes / OBSERVE_PAGE / 4;
}

/* Its own page, and one that the guest's kernel leaves where it is. */
static struct observe_page *make_page(void)
{
	FILE *f = fopen("/proc/sys/vm/compact_unevictable_allowed", "w");
	void *p = mmap(
		NULL, OBSERVE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (f) {
		fputs("0\n", f);
		fclose(f);
	}
	if (p == MAP_FAILED || mlock(p, OBSERVE_PAGE) != 0)
		return NULL;
	return p;
}

static int prepare(struct load *l)
{
	read_options(&l->opt);
	if (l->opt.free_bytes && guest_memory_touch(l->opt.free_bytes, 1) != 0)
		return -1;
	if (l->opt.touch_bytes && guest_memory_touch(l->opt.touch_bytes, 0) != 0)
		return -1;
	l->memory = guest_memory_create(l->opt.ram_bytes, l->opt.hot_percent);
	l->page = make_page();
	return l->memory && l->page ? 0 : -1;
}

int main(void)
{
	static struct load load;
	static void *(*const part[])(void *) = {count, write_and_check, use_disk};
	struct observe_page *page;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (prepare(&load) != 0) {
		printf("GODWIT-FAILED: not enough memory for gw.ram, gw.touch, gw.free\n");
		sleep(1);
		return 1;
	}
	page = load.page;
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, part[i], &load) != 0)
			return 1;
	}
	memcpy(page->magic, OBSERVE_MAGIC, sizeof(page->magic));
	printf("GODWIT-READY pages=%llu rate=%llu check=%llu\n",
		(unsigned long long)guest_memory_pages(load.memory),
		(unsigned long long)load.opt.rate, (unsigned long long)load.opt.check);
	for (uint64_t s = 1;; s++) {
		sleep(1);
		printf("tick %llu counter=%llu work=%llu errors=%llu checks=%llu disk=%llu\n",
			(unsigned long long)s, (unsigned long long)page->counter,
			(unsigned long long)page->work, (unsigned long long)page->errors,
			(unsigned long long)page->checks, (unsigned long long)load.disk_steps);
		if (s == load.opt.poweroff_s)
			reboot(RB_POWER_OFF);
	}
}
