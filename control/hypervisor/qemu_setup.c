/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU: migration capabilities and parameters, set by prepare and put back at the end, because the
 * same QEMU may be migrated or snapshotted by others afterwards. */
#include "qemu.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/base/log.h"
#include "qemu_caps.h"
#include "qmp_frame.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNDO_LIMIT_MS 2000

/* ---- prepare ---- */

static void on_parameters_set(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	(void)ret;
	gw_hv_finish(arg, result, err);
}

static void on_capabilities_set(void *arg, int result, const json_t *ret, const struct gw_err *err)
{
	struct gw_hv *hv = arg;

	(void)ret;
	if (!gw_qemu_failed(hv, result, err))
		gw_qemu_ask(hv, "migrate-set-parameters",
			gw_qemu_parameters(hv->role == GW_HV_DESTINATION), -1, on_parameters_set);
}

static void on_setup_answers(void *arg, int result, json_t *answers, const struct gw_err *err)
{
	struct gw_hv *hv = arg;
	bool destination = hv->role == GW_HV_DESTINATION;
	const json_t *now = json_object_get(answers, "capabilities");
	json_t *wanted;

	if (gw_qemu_failed(hv, result, err))
		return;
	wanted = gw_qemu_capabilities(now, destination);
	if (wanted == NULL) {
		gw_hv_fail(hv, -EOPNOTSUPP,
			"QEMU %s lacks a migration capability that is needed: x-ignore-shared, "
			"events%s",
			gw_qmp_version(hv->qemu->qmp), destination ? ", late-block-activate" : "");
		return;
	}
	/* A second prepare finds our own settings; the first one knows what was there before. */
	if (hv->qemu->undo == NULL)
		hv->qemu->undo = gw_qemu_undo(
			now, wanted, json_object_get(answers, "parameters"), destination);
	gw_collect_free(&hv->qemu->collect);
	gw_qemu_ask(hv, "migrate-set-capabilities", wanted, -1, on_capabilities_set);
}

void gw_qemu_prepare(struct gw_hv *hv)
{
	struct gw_qemu *q = hv->qemu;

	gw_collect_free(&q->collect);
	q->collect = gw_collect_create(q->qmp, NULL, on_setup_answers, hv);
	if (q->collect == NULL) {
		gw_hv_fail(hv, -ENOMEM, "no memory");
		return;
	}
	gw_collect_ask(q->collect, "capabilities", "query-migrate-capabilities", NULL,
		GW_QEMU_ANSWER_LIMIT_NS);
	gw_collect_ask(q->collect, "parameters", "query-migrate-parameters", NULL,
		GW_QEMU_ANSWER_LIMIT_NS);
	gw_collect_run(q->collect);
	if (hv->role == GW_HV_SOURCE)
		gw_qemu_state_prepare(hv);
}

/* ---- undo: on a thread, as the session that wanted it is gone ---- */

struct undo {
	int fd;
	char *text;           /* commands, a line each */
	unsigned int answers; /* still to come */
	char name[GW_EXPORT_NAME_MAX];
	bool failed;
};

static bool wait_for(int fd, short events, uint64_t deadline_ns)
{
	uint64_t now_ns = gw_now_ns();
	struct pollfd p = {.fd = fd, .events = events};

	return now_ns < deadline_ns &&
	       poll(&p, 1, (int)((deadline_ns - now_ns) / GW_NS_PER_MS) + 1) > 0;
}

/* QEMU drops commands of a connection that closes, so the answers are waited for. */
static void undo_work(struct gw_job *job, void *arg)
{
	uint64_t deadline_ns = gw_now_ns() + UNDO_LIMIT_MS * GW_NS_PER_MS;
	struct undo *u = arg;
	size_t left = strlen(u->text);
	const char *at = u->text;
	struct gw_qmp_frame in = {0};
	struct gw_qmp_message m;

	(void)job;
	while (left > 0 && wait_for(u->fd, POLLOUT, deadline_ns)) {
		ssize_t n = send(u->fd, at, left, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			break;
		at += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	while (left == 0 && u->answers > 0 && wait_for(u->fd, POLLIN, deadline_ns)) {
		size_t room;
		char *to = gw_qmp_frame_room(&in, &room);
		ssize_t n = to != NULL ? recv(u->fd, to, room, 0) : -1;

		if (n <= 0)
			break;
		gw_qmp_frame_filled(&in, (size_t)n);
		while (u->answers > 0 && gw_qmp_frame_next(&in, &m, NULL) > 0) {
			if (m.id == GW_QEMU_UNDO_ID && m.kind == GW_QMP_RETURN)
				u->answers--;
			else if (m.id == GW_QEMU_UNDO_ID)
				u->failed = true;
			gw_qmp_message_clear(&m);
		}
	}
	gw_qmp_frame_clear(&in);
}

static void undo_free(struct undo *u)
{
	if (u->fd >= 0)
		close(u->fd);
	free(u->text);
	free(u);
}

static void undo_done(void *arg)
{
	struct undo *u = arg;

	if (u->failed || u->answers > 0)
		gw_info("%s: migration settings were not put back (is QEMU gone?)", u->name);
	undo_free(u);
}

void gw_qemu_setup_undo(struct gw_hv *hv)
{
	struct undo *u;

	if (hv->qemu->undo == NULL || hv->gone)
		return;
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		return;
	u->fd = gw_qmp_detach(&hv->qemu->qmp);
	u->text = gw_qemu_undo_text(hv->qemu->undo, &u->answers);
	snprintf(u->name, sizeof(u->name), "%s", hv->name);
	if (u->fd < 0 || u->text == NULL || gw_job_start(hv->loop, undo_work, undo_done, u) == NULL)
		undo_free(u);
}
