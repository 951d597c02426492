/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads of the exporter's own in a process that is another's. */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/* For one that calls nothing of the process's: of a process that locks all its memory, the kernel
 * fills a stack as it is made. */
#define GW_OWN_THREAD_SMALL (256u << 10)

/* As pthread_create(), with all signals blocked: the process's are its own threads' to take, and a
 * thread inherits the mask of its creator. stack_bytes: 0, as the process has it. */
static inline int gw_own_thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
	void *(*main)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int ret;

	pthread_attr_init(&attr);
	if (stack_bytes != 0)
		pthread_attr_setstacksize(&attr, stack_bytes);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = -pthread_create(thread, &attr, main, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (ret == 0)
		pthread_setname_np(*thread, name);
	return ret;
}
