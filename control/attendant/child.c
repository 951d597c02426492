/* SPDX-License-Identifier: BSD-3-Clause */
#include "child.h"

#include "../../dataplane/base/log.h"
#include "../../dataplane/export/msg.h"
#include "../harden/harden.h"
#include "brakes.h"
#include "hook.h"
#include "title.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct child {
	int sock;
	int spare; /* room for the descriptor of a request, however many the brakes have */
	struct gw_loop *loop;
	struct gw_watch *watch;
	struct gw_brakes *brakes;
	struct gw_hooks *hooks; /* NULL: none are configured */
	struct gw_harden_watch *sandbox;
	struct gw_attendant_request request;
};

/* The brakes at once; hooks that run have their limits and may come to their end. */
static void godwitd_gone(struct child *c)
{
	uint32_t n = gw_brakes_free(&c->brakes);

	if (n > 0)
		gw_warn("attendant: godwitd is gone; %u threads run at full speed again", n);
	if (c->watch != NULL)
		gw_watch_free(&c->watch);
	if (gw_hooks_idle(c->hooks))
		gw_loop_stop(c->loop);
}

static void answer(struct child *c, const struct gw_attendant_answer *a)
{
	/* It may wait: godwitd never waits for the attendant. */
	if (c->watch == NULL || send(c->sock, a, sizeof(*a), MSG_NOSIGNAL) < 0)
		godwitd_gone(c);
}

static void hook_over(void *ctx, uint32_t id, int result, const char *text)
{
	struct gw_attendant_answer a = {.type = GW_ATTENDANT_HOOK, .id = id, .result = result};

	snprintf(a.text, sizeof(a.text), "%s", text);
	answer(ctx, &a);
}

/* pidfd: -1: none came. */
static void serve(struct child *c, int pidfd)
{
	const struct gw_attendant_request *r = &c->request;
	struct gw_attendant_answer a = {.type = r->type, .id = r->id, .serial = r->serial};

	switch (r->type) {
	case GW_ATTENDANT_BRAKE:
		gw_brakes_set(c->brakes, r, pidfd, &a);
		break;
	case GW_ATTENDANT_LIFT:
		gw_brakes_lift(c->brakes, r->id, &a);
		break;
	case GW_ATTENDANT_HOOK:
		if (c->hooks != NULL)
			gw_hooks_run(c->hooks, r);
		else
			hook_over(c, r->id, -ENOENT, "hooks: none are configured");
		return;
	case GW_ATTENDANT_CANCEL_HOOK:
		if (c->hooks != NULL)
			gw_hooks_cancel(c->hooks, r->id);
		return;
	default:
		a.result = -EINVAL;
		break;
	}
	answer(c, &a);
}

static void on_socket(void *ctx, uint32_t events)
{
	struct child *c = ctx;
	int fds[GW_MSG_MAX_FDS], rc;
	unsigned int n_fds;
	size_t n = 0;

	(void)events;
	close(c->spare);
	rc = gw_msg_recv(c->sock, &c->request, sizeof(c->request), &n, fds, &n_fds);
	/* What is of another size is no request, and not of godwitd's making. */
	if (rc == 1 && n == sizeof(c->request))
		serve(c, n_fds > 0 ? fds[0] : -1);
	else if (rc != 0)
		godwitd_gone(c);
	while (n_fds > 0)
		close(fds[--n_fds]);
	c->spare = fcntl(c->sock, F_DUPFD_CLOEXEC, 0);
}

static void sweep(void *ctx, const struct gw_cgroup *mount)
{
	*(uint32_t *)ctx += gw_quota_sweep(mount);
}

/* Hooks are programs of the administrator, who decides by the unit what they may do; all that can
 * be said of them here is that they cannot have more than the attendant. Without them it needs next
 * to nothing. */
static int confine(struct child *c, const struct gw_attendant_conf *conf, struct gw_err *err)
{
	int rc;

	if (!conf->sandbox)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return gw_err(err, -errno, "no_new_privs: %s", strerror(errno));
	if (conf->hooks != NULL)
		return 0;
	/* A hypervisor's cgroup may have been given to its user; where there is none its threads
	 * are stopped by turns. */
	rc = gw_harden_capabilities(UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_SYS_PTRACE,
		"attendant: ", err);
	return rc != 0 ? rc
		       : gw_harden_syscalls(c->loop, &(const int){SYS_ptrace}, 1, &c->sandbox, err);
}

static int start(struct child *c, const struct gw_attendant_conf *conf, struct gw_err *err)
{
	static const struct gw_cgroup_root root = {"/proc", "/proc/self/mountinfo"};
	uint32_t left = 0;
	int rc = gw_loop_create(&c->loop);

	if (rc != 0)
		return gw_err(err, rc, "event loop: %s", strerror(-rc));
	c->watch = gw_watch_add(c->loop, c->sock, EPOLLIN, on_socket, c);
	c->brakes = gw_brakes_create(c->loop, &root);
	if (conf->hooks != NULL)
		c->hooks =
			gw_hooks_create(c->loop, conf->hooks, conf->hook_timeout_ms, hook_over, c);
	if (c->watch == NULL || c->brakes == NULL || (conf->hooks != NULL && c->hooks == NULL))
		return gw_err(err, -ENOMEM, "out of memory");
	rc = confine(c, conf, err);
	if (rc != 0)
		return rc;
	gw_cgroup_mounts(&root, sweep, &left);
	if (left > 0)
		gw_warn("attendant: lifted %u CPU quotas that an earlier godwitd left behind",
			left);
	return 0;
}

static void only_this_descriptor(int sock)
{
	if (sock > 3)
		syscall(SYS_close_range, 3u, (unsigned int)sock - 1, 0u);
	syscall(SYS_close_range, (unsigned int)sock + 1, ~0u, 0u);
}

_Noreturn void gw_attendant_child(int sock, const struct gw_attendant_conf *conf)
{
	static struct child child;
	struct gw_err err = {.text = ""};
	sigset_t set;

	gw_set_title("godwitd: attendant", "godwitd-attend");
	only_this_descriptor(sock);
	/* It ends when godwitd does, not when somebody stops both: godwitd may need it until then.
	 */
	setsid();
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	child.sock = sock;
	child.spare = fcntl(sock, F_DUPFD_CLOEXEC, 0);
	if (start(&child, conf, &err) == 0)
		gw_loop_run(child.loop);
	else
		gw_error("attendant: %s", err.text);
	gw_brakes_free(&child.brakes);
	_exit(0);
}
