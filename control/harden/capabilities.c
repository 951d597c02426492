/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Capabilities belong to threads, and only a thread can give up its own. Most of godwitd's threads
 * are DPDK's, so each gets a signal whose handler does it. libcap acts upon the calling thread
 * alone, and its libpsx knows only threads that were made through it.
 */
#include "harden.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/base/log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 200
#define ROUND_NS (5 * 1000000)

static const struct {
	uint32_t number;
	const char *name;
} names[] = {{CAP_DAC_OVERRIDE, "dac_override"}, {CAP_KILL, "kill"}, {CAP_NET_RAW, "net_raw"},
	{CAP_IPC_LOCK, "ipc_lock"}, {CAP_SYS_ADMIN, "sys_admin"}, {CAP_SYS_PTRACE, "sys_ptrace"}};

/* For the handler, which has no other way to be told; set before the first signal. */
static uint64_t kept;

/* Only system calls: this runs in signal handlers. 0 or -errno. */
static int drop_here(void)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return -errno;
	/* Needs CAP_SETPCAP; without it nothing can be regained by execve() either. */
	for (uint32_t cap = 0; cap <= CAP_LAST_CAP; cap++)
		if ((kept >> cap & 1) == 0)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	for (uint32_t i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(kept >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) != 0 ? -errno : 0;
}

/* A thread that was slow to take the first signal has more of them waiting, which it may take when
 * the filter of system calls is on. */
static __thread bool dropped;
static __thread uint64_t dropped_to;

static void on_signal(int signo)
{
	int was = errno;

	(void)signo;
	if (!dropped || dropped_to != kept) {
		dropped = drop_here() == 0; /* others read it from /proc */
		dropped_to = kept;
	}
	errno = was;
}

/* More than is kept, of this thread? A thread that has ended has nothing. */
static bool has_more(const char *tid)
{
	char path[64], line[128];
	uint64_t mask, more = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", tid);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "CapPrm: %" SCNx64, &mask) == 1 ||
			sscanf(line, "CapEff: %" SCNx64, &mask) == 1)
			more |= mask & ~kept;
	if (f != NULL)
		fclose(f);
	return more != 0;
}

/* Asks each thread that has more; how many there were. */
static int ask(int signo, char *last, size_t size)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *d;
	int n = 0;

	if (dir == NULL)
		return -errno;
	while ((d = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)d->d_name[0]) || !has_more(d->d_name))
			continue;
		syscall(SYS_tgkill, getpid(), atoi(d->d_name), signo);
		snprintf(last, size, "%.16s", d->d_name);
		n++;
	}
	closedir(dir);
	return n;
}

static void log_kept(const char *who)
{
	char text[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (kept >> names[i].number & 1)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
				n == 0 ? "" : ", ", names[i].name);
	gw_info("%scapabilities kept: %s", who, n == 0 ? "none" : text);
}

int gw_harden_capabilities(uint64_t keep, const char *who, struct gw_err *err)
{
	struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
	struct timespec pause = {0, ROUND_NS};
	int signo = SIGRTMAX, left = 1, rc;
	char tid[32] = "";

	kept = keep;
	/* First: threads that this one makes from here on have no more than it. */
	rc = drop_here();
	if (rc != 0)
		return gw_err(err, rc, "capabilities: %s", strerror(-rc));
	sigemptyset(&ours.sa_mask);
	if (sigaction(signo, &ours, &old) != 0)
		return gw_err(err, -errno, "capabilities: %s", strerror(errno));
	for (int i = 0; i < ROUNDS && left > 0; i++) {
		left = ask(signo, tid, sizeof(tid));
		if (left > 0)
			nanosleep(&pause, NULL);
	}
	if (left != 0)
		return gw_err(err, left < 0 ? left : -ETIMEDOUT,
			"capabilities: thread %s does not give them up (%s)", tid,
			left < 0 ? strerror(-left) : "it takes no signals");
	/* The handler stays: a signal may still be on its way, and its default is the end. */
	log_kept(who);
	return 0;
}
