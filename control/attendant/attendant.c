/* SPDX-License-Identifier: BSD-3-Clause */
/* godwitd's side. */
#include "attendant_internal.h"

#include "../../dataplane/base/log.h"
#include "../../dataplane/export/msg.h"
#include "child.h"
#include "hook_files.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int gw_attendant_start(
	const struct gw_attendant_conf *conf, struct gw_attendant **out, struct gw_err *err)
{
	struct gw_attendant_conf of_child = *conf;
	struct gw_attendant *a = calloc(1, sizeof(*a));
	char hooks[PATH_MAX];
	int sock[2], rc = 0;

	if (a == NULL)
		return gw_err(err, -ENOMEM, "attendant: out of memory");
	if (conf->hooks != NULL)
		rc = gw_hook_directory(conf->hooks, hooks, err);
	for (int i = 0; conf->hooks != NULL && i < GW_N_HOOKS && rc == 0; i++) {
		struct gw_hook_files files;

		rc = gw_hook_files(hooks, (enum gw_hook_point)i, &files, err);
	}
	if (rc == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) != 0)
		rc = gw_err(err, -errno, "attendant: %s", strerror(errno));
	if (rc != 0) {
		free(a);
		return rc;
	}
	of_child.hooks = conf->hooks != NULL ? hooks : NULL;
	a->pid = fork();
	if (a->pid == 0)
		gw_attendant_child(sock[1], &of_child);
	close(sock[1]);
	a->sock = sock[0];
	a->has_hooks = conf->hooks != NULL;
	a->pidfd = a->pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, a->pid, 0);
	if (a->pidfd < 0) {
		rc = gw_err(err, -errno, "attendant: %s", strerror(errno));
		gw_attendant_free(&a);
		return rc;
	}
	*out = a;
	return 0;
}

/* A callback may free any brake or cancel any hook, so the list is looked at anew each time. */
static void bury(void *ctx)
{
	struct gw_attendant *a = ctx;
	struct gw_brake *b;

	while (a->hooks != NULL)
		gw_hook_ended(a->hooks, -EPIPE, "the attendant process is gone");
	do {
		for (b = a->brakes; b != NULL && b->serial == 0; b = b->next)
			;
		if (b != NULL) {
			b->serial = 0;
			b->fn(b->ctx, -EPIPE, 100, "the attendant process is gone");
		}
	} while (b != NULL);
}

/* Makes sure that it is dead before its work is undone. */
static void lost(struct gw_attendant *a, const char *why)
{
	if (a->sock < 0)
		return;
	syscall(SYS_pidfd_send_signal, a->pidfd, SIGKILL, NULL, 0);
	waitpid(a->pid, NULL, 0);
	gw_error("the attendant process (%d) is gone: %s: no hooks and no brakes until godwitd is "
		 "restarted",
		(int)a->pid, why);
	if (a->watch != NULL)
		gw_watch_free(&a->watch);
	close(a->sock);
	a->sock = -1;
	for (struct gw_brake *b = a->brakes; b != NULL; b = b->next)
		gw_brake_rescue(b);
	gw_timer_set(a->bury, 1, 0);
}

static void on_socket(void *ctx, uint32_t events)
{
	struct gw_attendant *a = ctx;
	struct gw_attendant_answer m;
	struct gw_hook_run *h;
	ssize_t n = recv(a->sock, &m, sizeof(m), MSG_DONTWAIT | MSG_TRUNC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(m)) {
		lost(a, n == 0 ? "it ended" : n < 0 ? strerror(errno) : "it makes no sense");
		return;
	}
	m.text[sizeof(m.text) - 1] = '\0';
	if (m.type == GW_ATTENDANT_BRAKE || m.type == GW_ATTENDANT_LIFT) {
		gw_brake_answered(a, &m);
	} else if (m.type == GW_ATTENDANT_HOOK) {
		for (h = a->hooks; h != NULL && h->id != m.id; h = h->next)
			;
		if (h != NULL)
			gw_hook_ended(h, m.result, m.text);
	}
}

int gw_attendant_watch(struct gw_attendant *a, struct gw_loop *loop)
{
	a->bury = gw_timer_create(loop, bury, a);
	a->watch = gw_watch_add(loop, a->sock, EPOLLIN, on_socket, a);
	return a->bury == NULL || a->watch == NULL ? -ENOMEM : 0;
}

bool gw_attendant_alive(const struct gw_attendant *a)
{
	return a != NULL && a->sock >= 0 && a->watch != NULL;
}

bool gw_attendant_has_hooks(const struct gw_attendant *a)
{
	return a != NULL && a->has_hooks;
}

void gw_attendant_free(struct gw_attendant **attendant)
{
	struct gw_attendant *a = *attendant;

	if (a == NULL)
		return;
	while (a->hooks != NULL) {
		a->hooks->fn = NULL;
		gw_hook_ended(a->hooks, 0, "");
	}
	if (a->watch != NULL)
		gw_watch_free(&a->watch);
	if (a->bury != NULL)
		gw_timer_free(&a->bury);
	if (a->sock >= 0)
		close(a->sock); /* it lifts what is on, and ends */
	if (a->pidfd >= 0)
		close(a->pidfd);
	free(a);
	*attendant = NULL;
}

int gw_attendant_ask(struct gw_attendant *a, int fd)
{
	int rc;

	if (!gw_attendant_alive(a))
		return -EPIPE;
	rc = gw_msg_send(a->sock, &a->request, sizeof(a->request), &fd, fd >= 0 ? 1 : 0);
	if (rc == 0)
		return 0;
	lost(a, rc == -EAGAIN ? "it does not answer" : strerror(-rc));
	return -EPIPE;
}
