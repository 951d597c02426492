/* SPDX-License-Identifier: BSD-3-Clause */
#include "guard.h"

#include "../base/secret.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

/* What the handler looks through: it may run on any thread at any time, so entries are atomic and
 * never move. */
static struct guard {
	uintptr_t base; /* 0: free; written last */
	uint64_t bytes;
	uint32_t *broken;
} guards[GW_GUARDS];
static pthread_mutex_t guards_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;

	(void)context;
	for (uint32_t i = 0; i < GW_GUARDS; i++) {
		uintptr_t base = __atomic_load_n(&guards[i].base, __ATOMIC_ACQUIRE);

		if (base == 0 || at < base || at - base >= guards[i].bytes)
			continue;
		__atomic_store_n(guards[i].broken, 1, __ATOMIC_RELEASE);
		/* The whole region at once: one fault, not one per page. mmap is a plain system
		 * call here. */
		if (mmap((void *)base, guards[i].bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
			    0) != MAP_FAILED) {
			gw_secret_mark((void *)base, guards[i].bytes);
			return;
		}
	}
	/* Not ours: fault again with whatever was there before. */
	sigaction(signo, &previous, NULL);
}

static void install_handler(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, &previous);
}

int gw_guard_add(void *base, uint64_t bytes, uint32_t *broken)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int ret = -ENOSPC;

	pthread_once(&once, install_handler);
	pthread_mutex_lock(&guards_lock);
	for (uint32_t i = 0; i < GW_GUARDS && ret != 0; i++) {
		if (guards[i].base != 0)
			continue;
		guards[i].bytes = bytes;
		guards[i].broken = broken;
		__atomic_store_n(&guards[i].base, (uintptr_t)base, __ATOMIC_RELEASE);
		ret = 0;
	}
	pthread_mutex_unlock(&guards_lock);
	return ret;
}

void gw_guard_remove(const void *base)
{
	pthread_mutex_lock(&guards_lock);
	for (uint32_t i = 0; i < GW_GUARDS; i++)
		if (guards[i].base == (uintptr_t)base)
			__atomic_store_n(&guards[i].base, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&guards_lock);
}
