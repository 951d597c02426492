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

static int new_uffd(void)
{
	int flags = O_CLOEXEC | O_NONBLOCK;
	int fd = (int)syscall(SYS_userfaultfd, flags);
	int dev;

	if (fd >= 0 || errno != EPERM)
		return fd >= 0 ? fd : -errno;
	dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (dev >= 0) {
		fd = ioctl(dev, USERFAULTFD_IOC_NEW, flags);
		close(dev);
		if (fd >= 0)
			return fd;
	}
	/* Anybody may have one that sees no faults from kernel mode. Asynchronous protection is
	 * resolved before that distinction is made, so writes by KVM and by system calls count. */
	fd = (int)syscall(SYS_userfaultfd, flags | UFFD_USER_MODE_ONLY);
	return fd >= 0 ? fd : -errno;
}

int gw_uffd_open(int *fd, struct gw_export_reason *why)
{
	struct uffdio_api api = {.api = UFFD_API, .features = FEATURES};
	struct utsname u;
	int ret = new_uffd();

	if (ret == -EPERM)
		return gw_export_why(why, ret,
		        "userfaultfd is not permitted: give this user access to /dev/userfaultfd, "
		        "or set "
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
