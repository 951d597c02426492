/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watches a test guest from outside through a migration: reads the guest's observe page in the RAM
 * files of both ends with one clock, and reports as JSON how long the guest stood still and where
 * it runs. Nothing is mapped: a mapped read would turn a hole of the destination's fresh file into
 * data, pread of a hole does not.
 *
 * The destination's copy of the counter also moves while memory is being sent, but it never passes
 * the source's; so the guest is wherever the larger counter is, and it stands still while the
 * larger counter does.
 */
#include "observe_page.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MAX_PAIRS 8
#define MAX_MOVES 16
#define MAX_CANDIDATES 16
#define CHUNK_PAGES 256u
#define MS_NS 1000000ll
#define RUNS_NS (500 * MS_NS) /* a side that did not advance for this long does not run */

enum side { SOURCE, DESTINATION, SIDES };
static const char *const side_name[SIDES] = {"source", "destination"};

struct pair { /* one region's file at both ends */
	int fd[SIDES];
};

struct view {
	struct observe_page page; /* as last read */
	bool present;             /* the magic is there */
	int64_t advanced_ns;      /* when its counter last grew as the leader, 0: never */
};

struct move {
	enum side to;
	int64_t at_ns, gap_ns; /* start of the gap, its length */
};

struct watch {
	int fd[SIDES];
	off_t offset;
	struct view view[SIDES];
	enum side leader;
	uint64_t counter; /* the largest seen */
	int64_t start_ns, progress_ns;
	struct move move[MAX_MOVES];
	uint32_t moves;
	int64_t longest_ns, longest_at_ns, elsewhere_ns; /* all gaps; those without a move */
	uint64_t both_ran; /* times that a side which had lost the lead advanced at its own pace */
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void pause_us(unsigned int us)
{
	struct timespec t = {.tv_nsec = us * 1000l};

	nanosleep(&t, NULL);
}

/* PATH, or pid:PID:TEXT for the descriptor of a process whose file name contains TEXT. */
static int open_file(const char *name)
{
	char folder[64], path[400], target[256];
	const char *text;
	struct dirent *e;
	int fd = -1;
	DIR *d;

	if (strncmp(name, "pid:", 4) != 0)
		return open(name, O_RDONLY | O_CLOEXEC);
	text = strchr(name + 4, ':');
	if (!text) {
		errno = EINVAL;
		return -1;
	}
	snprintf(folder, sizeof(folder), "/proc/%ld/fd", strtol(name + 4, NULL, 10));
	d = opendir(folder);
	if (!d)
		return -1;
	errno = ENOENT;
	while (fd < 0 && (e = readdir(d))) {
		ssize_t n;

		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strstr(target, text + 1))
			fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	closedir(d);
	return fd;
}

struct candidate {
	int pair;
	off_t offset;
	uint64_t counter;
};

/* Adds what looks like an observe page in [at, end) of a source file; holes are never touched. */
static int scan_extent(int fd, int pair, off_t at, off_t end, struct candidate *c, int n)
{
	static char chunk[CHUNK_PAGES * OBSERVE_PAGE];

	while (at < end && n < MAX_CANDIDATES) {
		size_t want =
			sizeof(chunk) < (size_t)(end - at) ? sizeof(chunk) : (size_t)(end - at);
		ssize_t got = pread(fd, chunk, want, at);

		if (got < (ssize_t)OBSERVE_PAGE)
			break;
		for (ssize_t i = 0; i + (ssize_t)OBSERVE_PAGE <= got && n < MAX_CANDIDATES;
			i += OBSERVE_PAGE) {
			const struct observe_page *p = (const void *)(chunk + i);

			if (memcmp(p->magic, OBSERVE_MAGIC, sizeof(p->magic)) != 0)
				continue;
			c[n++] = (struct candidate){pair, at + i, p->counter};
		}
		at += got;
	}
	return n;
}

static int scan(const struct pair *pair, int pairs, struct candidate *c)
{
	int n = 0;

	for (int i = 0; i < pairs; i++) {
		int fd = pair[i].fd[SOURCE];
		off_t at = lseek(fd, 0, SEEK_DATA);

		while (at >= 0 && n < MAX_CANDIDATES) {
			off_t end = lseek(fd, at, SEEK_HOLE);

			n = scan_extent(fd, i, at, end, c, n);
			at = lseek(fd, end, SEEK_DATA);
		}
	}
	return n;
}

static bool read_page(int fd, off_t offset, struct observe_page *p)
{
	return pread(fd, p, sizeof(*p), offset) == sizeof(*p) &&
	       memcmp(p->magic, OBSERVE_MAGIC, sizeof(p->magic)) == 0;
}

/* The page whose counter moves: a copy that lies about in free memory does not. */
static bool find(const struct pair *pair, int pairs, struct watch *w)
{
	struct candidate c[MAX_CANDIDATES];
	int n = scan(pair, pairs, c);

	pause_us(n ? 20000 : 100000);
	for (int i = 0; i < n; i++) {
		struct observe_page p;

		if (!read_page(pair[c[i].pair].fd[SOURCE], c[i].offset, &p) ||
			p.counter == c[i].counter)
			continue;
		memcpy(w->fd, pair[c[i].pair].fd, sizeof(w->fd));
		w->offset = c[i].offset;
		printf("{\"region\": %d, \"offset\": %lld}\n", c[i].pair, (long long)w->offset);
		fflush(stdout);
		return true;
	}
	return false;
}

static void note_progress(struct watch *w, enum side s, int64_t now)
{
	int64_t gap = now - w->progress_ns;

	if (gap > w->longest_ns) {
		w->longest_ns = gap;
		w->longest_at_ns = w->progress_ns;
	}
	if (s != w->leader) {
		if (w->moves < MAX_MOVES)
			w->move[w->moves++] = (struct move){s, w->progress_ns, gap};
		w->leader = s;
	} else if (gap > w->elsewhere_ns) {
		w->elsewhere_ns = gap;
	}
	w->progress_ns = now;
}

static void look(struct watch *w)
{
	uint64_t before[SIDES];
	int64_t now;

	/* The destination first: then a copy under way cannot look ahead of what it was copied
	 * from. */
	for (int s = DESTINATION; s >= SOURCE; s--) {
		struct view *v = &w->view[s];

		before[s] = v->present ? v->page.counter : 0;
		v->present = w->fd[s] >= 0 && read_page(w->fd[s], w->offset, &v->page);
	}
	now = now_ns();
	for (int s = SOURCE; s < SIDES; s++) {
		struct view *v = &w->view[s];

		if (!v->present || v->page.counter <= before[s])
			continue;
		if (v->page.counter > w->counter) {
			note_progress(w, s, now);
			w->counter = v->page.counter;
			v->advanced_ns = now;
		} else if (w->moves && s == SOURCE && w->leader == DESTINATION) {
			/* Nobody writes into a source's memory but its own guest. */
			w->both_ran++;
			v->advanced_ns = now;
		}
	}
}

static void watch_loop(struct watch *w, unsigned int interval_us, int64_t end_ns)
{
	w->start_ns = now_ns();
	w->progress_ns = w->start_ns;
	while (!stopping && (!end_ns || now_ns() < end_ns)) {
		look(w);
		pause_us(interval_us);
	}
}

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static void report_side(const struct watch *w, enum side s, int64_t now)
{
	const struct view *v = &w->view[s];
	bool runs = v->present && v->advanced_ns && now - v->advanced_ns < RUNS_NS;

	printf("\"%s\": {\"present\": %s, \"runs\": %s, \"counter\": %llu, \"work\": %llu, "
	       "\"errors\": %llu, \"checks\": %llu}, ",
		side_name[s], v->present ? "true" : "false", runs ? "true" : "false",
		(unsigned long long)v->page.counter, (unsigned long long)v->page.work,
		(unsigned long long)v->page.errors, (unsigned long long)v->page.checks);
}

static void report(const struct watch *w)
{
	int64_t now = now_ns();

	printf("{");
	for (int s = SOURCE; s < SIDES; s++)
		report_side(w, s, now);
	printf("\"leader\": \"%s\", \"moves\": [", side_name[w->leader]);
	for (uint32_t i = 0; i < w->moves; i++)
		printf("%s{\"to\": \"%s\", \"at_ms\": %.3f, \"gap_ms\": %.3f}", i ? ", " : "",
			side_name[w->move[i].to], ms(w->move[i].at_ns - w->start_ns),
			ms(w->move[i].gap_ns));
	printf("], \"longest_gap_ms\": %.3f, \"longest_gap_at_ms\": %.3f, "
	       "\"longest_gap_elsewhere_ms\": %.3f, \"standing_ms\": %.3f, \"both_ran\": %llu, "
	       "\"watched_ms\": %.3f}\n",
		ms(w->longest_ns), ms(w->longest_at_ns ? w->longest_at_ns - w->start_ns : 0),
		ms(w->elsewhere_ns), ms(now - w->progress_ns), (unsigned long long)w->both_ran,
		ms(now - w->start_ns));
}

static void usage(FILE *f)
{
	fputs("usage: observe --source FILE --destination FILE [--source FILE --destination "
	      "FILE]...\n"
	      "               [--interval-us N] [--duration-s N]\n"
	      "\n"
	      "FILE is the file behind a region of guest RAM, or pid:PID:TEXT: the open file of a\n"
	      "process whose name contains TEXT. Prints where the page is as soon as it is found, "
	      "and\n"
	      "the report on SIGTERM, SIGINT, or after --duration-s.\n",
		f);
}

/* Returns the number of pairs, or -1. */
static int parse(int argc, char **argv, struct pair *pair, unsigned int *interval_us, long *seconds)
{
	static const struct option options[] = {{"source", required_argument, NULL, 's'},
		{"destination", required_argument, NULL, 'd'},
		{"interval-us", required_argument, NULL, 'i'},
		{"duration-s", required_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'},
		{0}};
	int count[SIDES] = {0}, o;

	while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		enum side s = o == 'd' ? DESTINATION : SOURCE;

		if (o == 'i') {
			*interval_us = (unsigned int)strtoul(optarg, NULL, 10);
		} else if (o == 't') {
			*seconds = strtol(optarg, NULL, 10);
		} else if (o == 'h') {
			usage(stdout);
			exit(0);
		} else if ((o == 's' || o == 'd') && count[s] < MAX_PAIRS) {
			int fd = open_file(optarg);

			if (fd < 0) {
				fprintf(stderr, "observe: %s: %s\n", optarg, strerror(errno));
				return -1;
			}
			pair[count[s]++].fd[s] = fd;
		} else {
			return -1;
		}
	}
	if (count[SOURCE] == 0 || count[SOURCE] != count[DESTINATION] || *interval_us > 900000) {
		usage(stderr);
		return -1;
	}
	return count[SOURCE];
}

int main(int argc, char **argv)
{
	static struct pair pair[MAX_PAIRS];
	struct watch w = {0};
	/* Four looks a count: more would take the CPU away from what is measured. */
	unsigned int interval_us = 250;
	long seconds = 0;
	int pairs = parse(argc, argv, pair, &interval_us, &seconds);
	int64_t end_ns = seconds ? now_ns() + seconds * 1000 * MS_NS : 0;

	if (pairs < 0)
		return 2;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
	while (!find(pair, pairs, &w)) {
		if (stopping || (end_ns && now_ns() > end_ns)) {
			fprintf(stderr,
				"observe: no observe page that advances in the source's memory\n");
			return 1;
		}
	}
	watch_loop(&w, interval_us, end_ns);
	report(&w);
	return 0;
}
