/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The system calls that are left after start-up. What is not in the tables (allowed.c) fails with
 * EPERM, and is logged and counted: a call that a library makes once in a while, and that nobody
 * thought of, must not cost the guests whose migrations run. Programs cannot be started (hooks need
 * a helper that is forked before this).
 */
#include "harden.h"

#include "allowed.h"
#include "../../dataplane/base/log.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <ucontext.h>
#include <unistd.h>

#define NUMBERS 1024

struct gw_harden_watch {
	int fd;
	struct gw_watch *watch;
	uint64_t logged[NUMBERS];
};

/* The handler's: it has no context. */
static struct {
	int fd;
	uint64_t count[NUMBERS];
} refused = {.fd = -1};

static void on_refused(int signo, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	uint64_t one = 1;
	int was = errno;

	(void)signo;
	__atomic_add_fetch(
		&refused.count[(uint32_t)info->si_syscall % NUMBERS], 1, __ATOMIC_RELAXED);
	if (write(refused.fd, &one, sizeof(one)) < 0)
		errno = 0; /* it is readable already */
	errno = was;
	c->uc_mcontext.gregs[REG_RAX] = -EPERM;
}

uint64_t gw_harden_refused(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < NUMBERS; i++)
		sum += __atomic_load_n(&refused.count[i], __ATOMIC_RELAXED);
	return sum;
}

/* The first of each kind, and whenever there are twice as many: a loop must not fill the log. */
static void on_wake(void *ctx, uint32_t events)
{
	struct gw_harden_watch *w = ctx;
	uint64_t n;

	(void)events;
	if (read(w->fd, &n, sizeof(n)) < 0)
		return;
	for (uint32_t i = 0; i < NUMBERS; i++) {
		uint64_t count = __atomic_load_n(&refused.count[i], __ATOMIC_RELAXED);
		char *name;

		if (count < 2 * w->logged[i] || count == 0)
			continue;
		w->logged[i] = count;
		name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)i);
		gw_warn("sandbox: system call %s refused (%llu times so far)",
			name != NULL ? name : "of no name", (unsigned long long)count);
		free(name);
	}
}

static int add_rules(scmp_filter_ctx filter, const int *also, size_t n_also)
{
	/* Its flags are out of a filter's sight: the C library goes back to clone(). */
	int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	for (size_t i = 0; i < gw_n_allowed_calls && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, gw_allowed_calls[i], 0);
	for (size_t i = 0; i < n_also && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, also[i], 0);
	for (size_t i = 0; i < gw_n_allowed_rules && rc == 0; i++) {
		const struct gw_allowed_rule *r = &gw_allowed_rules[i];

		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, r->call, 1,
			SCMP_CMP64(r->argument, SCMP_CMP_MASKED_EQ, r->mask, r->value));
	}
	return rc;
}

static int load(const int *also, size_t n_also, struct gw_err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int rc = filter != NULL ? 0 : -ENOMEM;

	if (rc == 0) /* every thread, and with it PR_SET_NO_NEW_PRIVS */
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0) /* a search tree: the poll cores' few calls cross it too */
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0) /* no mitigation that is for foreign code: the poll cores would pay for it */
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	if (rc == 0)
		rc = add_rules(filter, also, n_also);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc != 0)
		return gw_err(err, rc, "sandbox: the system call filter cannot be set: %s",
			strerror(-rc));
	return 0;
}

int gw_harden_syscalls(struct gw_loop *loop, const int *also, size_t n_also,
	struct gw_harden_watch **out, struct gw_err *err)
{
	struct sigaction sa = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO};
	struct gw_harden_watch *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return gw_err(err, -ENOMEM, "sandbox: out of memory");
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->watch = w->fd < 0 ? NULL : gw_watch_add(loop, w->fd, EPOLLIN, on_wake, w);
	sigemptyset(&sa.sa_mask);
	if (w->watch == NULL || sigaction(SIGSYS, &sa, NULL) != 0) {
		rc = gw_err(err, -errno, "sandbox: %s", strerror(errno));
	} else {
		refused.fd = w->fd;
		rc = load(also, n_also, err);
	}
	if (rc == 0)
		*out = w;
	else
		gw_harden_watch_free(&w);
	return rc;
}

void gw_harden_watch_free(struct gw_harden_watch **watch)
{
	struct gw_harden_watch *w = *watch;

	if (w == NULL)
		return;
	if (w->watch != NULL)
		gw_watch_free(&w->watch);
	refused.fd = -1;
	if (w->fd >= 0)
		close(w->fd);
	free(w);
	*watch = NULL;
}
