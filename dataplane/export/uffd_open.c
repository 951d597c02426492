/* SPDX-License-Identifier: BSD-3-Clause */
#include "uffd_open.h"
#include "kernel_names.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FEATURES                                                            \
	(UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM | \
	        UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC)

#define FLAGS (O_CLOEXEC | O_NONBLOCK)

/* What is lent is lent to the process: a userfaultfd is of the memory of who makes it. */
static int lent = -1;

void gw_uffd_lend(int dev_fd)
{
	if (lent >= 0)
		close(lent);
	lent = dev_fd;
}

/* By this process's own rights, and of the kind that sees every fault. */
static int own_uffd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, FLAGS);
	int dev;

	if (fd >= 0 || errno != EPERM)
		return fd >= 0 ? fd : -errno;
	dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -EPERM;
	fd = ioctl(dev, USERFAULTFD_IOC_NEW, FLAGS);
	close(dev);
	return fd >= 0 ? fd : -EPERM;
}

bool gw_uffd_wanted(void)
{
	int fd = own_uffd();

	if (fd >= 0)
		close(fd);
	return fd == -EPERM && lent < 0;
}

static int new_uffd(void)
{
	int fd = own_uffd();

	if (fd != -EPERM)
		return fd;
	fd = lent >= 0 ? ioctl(lent, USERFAULTFD_IOC_NEW, FLAGS) : -1;
	if (fd >= 0)
		return fd;
	/* Anybody may have one that sees no faults from kernel mode. Asynchronous protection is
	 * resolved before that distinction is made, so writes by KVM and by system calls count. */
	fd = (int)syscall(SYS_userfaultfd, FLAGS | UFFD_USER_MODE_ONLY);
	return fd >= 0 ? fd : -errno;
}

int gw_uffd_open(int *fd, struct gw_export_reason *why)
{
	struct uffdio_api api = {.api = UFFD_API, .features = FEATURES};
	struct utsname u;
	int ret = new_uffd();

	if (ret == -EPERM)
		return gw_export_why(why, ret,
			"userfaultfd is not permitted, and godwitd lent none (can it open "
			"/dev/userfaultfd?): give this user access to /dev/userfaultfd, or set "
			"sysctl vm.unprivileged_userfaultfd=1");
	uname(&u);
	if (ret == -ENOSYS)
		return gw_export_why(why, -EOPNOTSUPP,
		        "kernel %s is built without userfaultfd (6.7 or newer with "
		        "CONFIG_USERFAULTFD is "
		        "needed)",
		        u.release);
	if (ret < 0)
		return gw_export_why(why, ret, "userfaultfd: %s", strerror(-ret));
	if (ioctl(ret, UFFDIO_API, &api) < 0 || (api.features & FEATURES) != FEATURES) {
		close(ret);
		return gw_export_why(why, -EOPNOTSUPP,
		        "kernel %s lacks asynchronous write protection (6.7 or newer is needed)",
		        u.release);
	}
	*fd = ret;
	return 0;
}
