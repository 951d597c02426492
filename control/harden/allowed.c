/* SPDX-License-Identifier: BSD-3-Clause */
#include "allowed.h"

#include "../../dataplane/export/kernel_names.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>

const int gw_allowed_calls[] = {
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
	SCMP_SYS(vmsplice),
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
	SCMP_SYS(wait4), /* the attendant, should it die */
	/* a VM's process */
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal),
};

const struct gw_allowed_rule gw_allowed_rules[] = {
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
	{SCMP_SYS(setpriority), 1, UINT32_MAX, 0}, /* its own */
	/* Its slice. Another policy is not to be had without CAP_SYS_NICE, which is gone by then. */
	{SCMP_SYS(sched_getattr), 0, UINT32_MAX, 0}, {SCMP_SYS(sched_setattr), 0, UINT32_MAX, 0},
	{SCMP_SYS(prlimit64), 2, UINT64_MAX, 0}, /* asks only */
	{SCMP_SYS(ioctl), 1, UINT32_MAX, PAGEMAP_SCAN},
	{SCMP_SYS(ioctl), 1, UINT32_MAX, TCGETS}, /* stdio asks whether it is a terminal */
	{SCMP_SYS(ioctl), 1, UINT32_MAX, FIONREAD}, {SCMP_SYS(ioctl), 1, UINT32_MAX, FIONBIO},
	{SCMP_SYS(ioctl), 1, 0xffffff00, 0x8900}, /* of sockets and interfaces */
	{SCMP_SYS(ioctl), 1, 0xff00, 0x3b00},     /* VFIO */
	{SCMP_SYS(ioctl), 1, 0xff00, 0x1b00},     /* RDMA: mlx5 */
};

const size_t gw_n_allowed_calls = sizeof(gw_allowed_calls) / sizeof(gw_allowed_calls[0]);
const size_t gw_n_allowed_rules = sizeof(gw_allowed_rules) / sizeof(gw_allowed_rules[0]);
