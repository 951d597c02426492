/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The system calls that are left after start-up. What is not in the tables fails with EPERM, and is
 * logged and counted: a call that a library makes once in a while, and that nobody thought of, must
 * not cost the guests whose migrations run. Programs cannot be started (hooks need a helper that is
 * forked before this).
 */
#include "harden.h"

#include "../../dataplane/base/log.h"
#include "../../dataplane/export/kernel_names.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <ucontext.h>
#include <unistd.h>

#define NUMBERS 1024

/* Whatever their arguments are. */
static const int calls[] = {
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(mlock2),
	SCMP_SYS(mremap),
	SCMP_SYS(msync),
	SCMP_SYS(munlock),
	SCMP_SYS(munmap),
	SCMP_SYS(memfd_create),
	SCMP_SYS(mbind),
	SCMP_SYS(get_mempolicy),
	SCMP_SYS(set_mempolicy),
	SCMP_SYS(move_pages),
	/* files */
	SCMP_SYS(access),
	SCMP_SYS(chmod),
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(fallocate),
	SCMP_SYS(fchmod),
	SCMP_SYS(fcntl),
	SCMP_SYS(fdatasync),
	SCMP_SYS(flock),
	SCMP_SYS(fstat),
	SCMP_SYS(fstatfs),
	SCMP_SYS(fsync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(getcwd),
	SCMP_SYS(getdents64),
	SCMP_SYS(lseek),
	SCMP_SYS(lstat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(read),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(readv),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(stat),
	SCMP_SYS(statfs),
	SCMP_SYS(statx),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	/* events and time */
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(nanosleep),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(time),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(timerfd_settime),
	/* sockets */
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(listen),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(socketpair),
	/* threads and this process */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(futex),
	SCMP_SYS(getcpu),
	SCMP_SYS(getegid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrlimit),
	SCMP_SYS(getrusage),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(membarrier),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sysinfo),
	SCMP_SYS(tgkill),
	SCMP_SYS(uname),
	/* a VM's process */
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal),
};

/* Where (argument & mask) == value. */
static const struct rule {
	int call;
	uint32_t argument;
	uint64_t mask, value;
} rules[] = {
	{SCMP_SYS(socket), 0, UINT32_MAX, AF_UNIX}, {SCMP_SYS(socket), 0, UINT32_MAX, AF_INET},
	{SCMP_SYS(socket), 0, UINT32_MAX, AF_INET6},
	{SCMP_SYS(socket), 0, UINT32_MAX, AF_NETLINK}, /* names and interfaces */
	/* Threads, no processes. */
	{SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD},
	/* Memory is writable or executable; what is loaded later (name services) is mapped as
	 * files. */
	{SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC, 0},
	{SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC, PROT_WRITE},
	{SCMP_SYS(mmap), 2, PROT_WRITE | PROT_EXEC, PROT_EXEC},
	{SCMP_SYS(mprotect), 2, PROT_EXEC, 0}, {SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME},
	{SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_TIMERSLACK},
	{SCMP_SYS(prlimit64), 2, UINT64_MAX, 0}, /* asks only */
	{SCMP_SYS(ioctl), 1, UINT32_MAX, PAGEMAP_SCAN},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, TCGETS}, /* stdio asks whether it is a terminal */
	{SCMP_SYS(ioctl), 1, UINT32_MAX, FIONREAD}, {SCMP_SYS(ioctl), 1, UINT32_MAX, FIONBIO},
	{SCMP_SYS(ioctl), 1, 0xffffff00, 0x8900}, /* of sockets and interfaces */
	{SCMP_SYS(ioctl), 1, 0xff00, 0x3b00},     /* VFIO */
	{SCMP_SYS(ioctl), 1, 0xff00, 0x1b00},     /* RDMA: mlx5 */
};

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

static int add_rules(scmp_filter_ctx filter)
{
	/* Its flags are out of a filter's sight: the C library goes back to clone(). */
	int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, rules[i].call, 1,
			SCMP_CMP64(rules[i].argument, SCMP_CMP_MASKED_EQ, rules[i].mask,
				rules[i].value));
	return rc;
}

static int load(struct gw_err *err)
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
		rc = add_rules(filter);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc != 0)
		return gw_err(err, rc, "sandbox: the system call filter cannot be set: %s",
			strerror(-rc));
	return 0;
}

int gw_harden_syscalls(struct gw_loop *loop, struct gw_harden_watch **out, struct gw_err *err)
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
		rc = load(err);
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
