/* SPDX-License-Identifier: BSD-3-Clause */
#include "answer.h"
#include "hello.h"

#include <inttypes.h>
#include <sys/stat.h>

/* What may come back for which request. */
static const struct answer {
	enum gw_export_type type, request;
	const char *name;
	size_t length;
	unsigned int n_fds;
} answers[] = {
	{GW_EXPORT_STARTED, GW_EXPORT_START, "STARTED", sizeof(struct gw_export_msg), 0},
	{GW_EXPORT_STOPPED, GW_EXPORT_STOP, "STOPPED", sizeof(struct gw_export_msg), 0},
	{GW_EXPORT_SYNCED, GW_EXPORT_SYNC, "SYNCED", sizeof(struct gw_export_synced), 0},
	{GW_EXPORT_PAUSED, GW_EXPORT_PAUSE, "PAUSED", sizeof(struct gw_export_msg), 0},
	{GW_EXPORT_RESUMED, GW_EXPORT_RESUME, "RESUMED", sizeof(struct gw_export_msg), 0},
	{GW_EXPORT_SAVED, GW_EXPORT_SAVE, "SAVED", sizeof(struct gw_export_state), 1},
	{GW_EXPORT_LOADED, GW_EXPORT_LOAD, "LOADED", sizeof(struct gw_export_msg), 0},
	{GW_EXPORT_THROTTLED, GW_EXPORT_THROTTLE, "THROTTLED", sizeof(struct gw_export_msg), 0},
	{GW_EXPORT_TOUCHED, GW_EXPORT_TOUCH, "TOUCHED", sizeof(struct gw_export_msg), 0},
	{GW_EXPORT_ERROR, GW_EXPORT_ERROR, "ERROR", sizeof(struct gw_export_error), 0},
};

/* A head behind the last one would lose pages; one that the ring has not reached would never be
 * drained to. The ring's own head may be ahead: other producers go on after SYNCED. */
static int check_synced(struct gw_exporter *x, const struct gw_export_synced *s, struct gw_err *err)
{
	if (s->epoch != x->sync_epoch)
		return gw_err(err, -EPROTO, "SYNCED for epoch %" PRIu64 ", asked was %" PRIu64,
			s->epoch, x->sync_epoch);
	for (uint32_t i = 0; i < x->info.n_rings; i++) {
		uint64_t head = __atomic_load_n(&x->info.ring[i].ring->head, __ATOMIC_ACQUIRE);

		if (s->head[i] < x->head_seen[i])
			return gw_err(err, -EPROTO,
				"SYNCED: ring %u went back from %" PRIu64 " to %" PRIu64, i,
				x->head_seen[i], s->head[i]);
		if (s->head[i] > head)
			return gw_err(err, -EPROTO,
				"SYNCED: ring %u has %" PRIu64 " entries, said are %" PRIu64, i,
				head, s->head[i]);
		x->head_seen[i] = s->head[i];
	}
	return 1;
}

static int check_saved(const struct gw_exporter *x, uint64_t size, int fd, struct gw_err *err)
{
	struct stat st;

	if (size > x->state_limit_bytes)
		return gw_err(err, -EPROTO,
			"SAVED: %" PRIu64 " bytes of device state, the limit is %" PRIu64, size,
			x->state_limit_bytes);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < size)
		return gw_err(
			err, -EPROTO, "SAVED: %" PRIu64 " bytes do not fit the descriptor", size);
	return 1;
}

static int check_error(struct gw_exporter *x, const struct gw_export_error *e, struct gw_err *err)
{
	if (!gw_text_ok(e->text, sizeof(e->text)))
		return gw_err(err, -EPROTO, "ERROR: its text is not terminated text");
	if (e->code >= 0 || e->code < -4095)
		return gw_err(err, -EPROTO, "ERROR: code %d is not a negative errno", e->code);
	if (e->request == GW_EXPORT_HELLO && !x->hello_seen)
		return 1;
	if (e->request >= 32 || !(x->outstanding & 1u << e->request))
		return gw_err(
			err, -EPROTO, "ERROR for request %u, which is not outstanding", e->request);
	x->outstanding &= ~(1u << e->request);
	return 1;
}

static const struct answer *answer_of(uint32_t type)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (answers[i].type == type)
			return &answers[i];
	}
	return NULL;
}

int gw_answer_read(struct gw_exporter *x, const union gw_packet *p, size_t len, const int *fds,
	unsigned int n_fds, struct gw_exporter_event *ev, struct gw_err *err)
{
	const struct answer *a = answer_of(p->msg.type);
	size_t wanted;

	if (a == NULL)
		return gw_err(err, -EPROTO, "unexpected message type %u", p->msg.type);
	wanted = a->type == GW_EXPORT_RESUMED && x->resume_at ? sizeof(p->resumed) : a->length;
	if (len != wanted)
		return gw_err(err, -EPROTO, "%s of %zu bytes, expected %zu", a->name, len, wanted);
	if (n_fds != a->n_fds)
		return gw_err(err, -EPROTO, "%s with %u descriptors, expected %u", a->name, n_fds,
			a->n_fds);
	ev->type = a->type;
	if (a->type == GW_EXPORT_ERROR) {
		ev->error = p->error;
		return check_error(x, &p->error, err);
	}
	if (!(x->outstanding & 1u << a->request))
		return gw_err(err, -EPROTO, "%s, which nobody asked for", a->name);
	x->outstanding &= ~(1u << a->request);
	if (a->type == GW_EXPORT_SYNCED) {
		ev->synced = p->synced;
		return check_synced(x, &p->synced, err);
	}
	if (a->type == GW_EXPORT_RESUMED)
		ev->resumed_at_ns = x->resume_at ? p->resumed.at_ns : 0;
	if (a->type == GW_EXPORT_SAVED) {
		ev->saved.size = p->state.size;
		ev->saved.fd = fds[0];
		return check_saved(x, p->state.size, fds[0], err);
	}
	return 1;
}
