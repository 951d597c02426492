/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads of the exporter's own in a process that is another's. */
#pragma once

#include <pthread.h>
#include <signal.h>

/* As pthread_create(), with all signals blocked: the process's are its own threads' to take, and a
 * thread inherits the mask of its creator. */
static inline int gw_own_thread_start(
	pthread_t *thread, const char *name, void *(*main)(void *arg), void *arg)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = -pthread_create(thread, NULL, main, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret == 0)
		pthread_setname_np(*thread, name);
	return ret;
}
