/* SPDX-License-Identifier: BSD-3-Clause */
#include "holdback.h"

static bool by_exporter(struct gw_hv *hv)
{
	return (gw_exporter_info(gw_hv_exporter(hv))->caps & GW_EXPORT_CAP_THROTTLE) != 0;
}

bool gw_holdback_possible(const struct gw_holdback *h, struct gw_hv *hv)
{
	const pid_t *tids;

	return by_exporter(hv) || (gw_attendant_alive(h->attendant) && gw_hv_vcpus(hv, &tids) > 0);
}

static void answered(struct gw_holdback *h, int result, uint32_t percent, const char *text)
{
	h->asking = false;
	h->in_force = percent;
	if (result != 0)
		h->asked = percent;
	h->told(h->ctx, result, percent, text);
}

static void on_brake(void *ctx, int result, uint32_t percent, const char *text)
{
	answered(ctx, result, 100 - percent, text);
}

static int ask_attendant(struct gw_holdback *h, struct gw_hv *hv, uint32_t percent)
{
	const struct gw_exporter_info *info = gw_exporter_info(gw_hv_exporter(hv));
	const pid_t *tids;
	uint32_t n = gw_hv_vcpus(hv, &tids);
	int rc = 0;

	if (percent == 0)
		return h->brake != NULL ? gw_brake_lift(h->brake) : 0;
	if (h->brake == NULL)
		rc = gw_brake_create(h->attendant, info->pid, info->pidfd, on_brake, h, &h->brake);
	return rc == 0 ? gw_brake_set(h->brake, tids, n, 100 - percent) : rc;
}

void gw_holdback_set(struct gw_holdback *h, struct gw_hv *hv, uint32_t percent)
{
	bool exporter = by_exporter(hv);

	h->asked = percent;
	/* The exporter takes one request at a time; the attendant lets a newer one replace it. */
	if (exporter ? h->asking || percent == h->in_force
		     : percent == (h->asking ? h->asking_percent : h->in_force))
		return;
	h->asking_percent = percent;
	h->asking = (exporter ? gw_exporter_throttle(gw_hv_exporter(hv), percent)
			      : ask_attendant(h, hv, percent)) == 0;
}

bool gw_holdback_answer(struct gw_holdback *h, struct gw_hv *hv, const struct gw_exporter_event *ev)
{
	if (ev->type == GW_EXPORT_ERROR && ev->error.request == GW_EXPORT_THROTTLE) {
		answered(h, ev->error.code, 0, ev->error.text);
		return true;
	}
	if (ev->type != GW_EXPORT_THROTTLED)
		return false;
	answered(h, 0, h->asking_percent, "");
	if (h->asked != h->in_force)
		gw_holdback_set(h, hv, h->asked);
	return true;
}

void gw_holdback_end(struct gw_holdback *h)
{
	gw_brake_free(&h->brake);
	h->asking = false;
	h->asked = h->in_force = 0;
}
