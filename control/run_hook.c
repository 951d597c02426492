/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's hooks: what they are told, and what comes of them. */
#include "run.h"

#include "../dataplane/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *input(const struct gw_run *run, enum gw_hook_point point)
{
	json_t *o = gw_run_status(run);
	char *text;

	json_object_set_new(o, "hook", json_string(gw_hook_name(point)));
	json_object_set_new(o, "host", json_string(run->env->config->name));
	json_object_set_new(o, "was_paused", json_boolean(run->was_paused));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

static void hooked(void *ctx, int result, const char *text)
{
	gw_run_feed(ctx, GW_EV_HOOKED, result, 0, text);
}

void gw_run_hook(struct gw_run *run, enum gw_hook_point point)
{
	bool waits = point == GW_HOOK_BEFORE_PAUSE;
	char label[GW_UUID_TEXT + GW_NAME_MAX + 16], why[GW_SESSION_TEXT], *text;
	int rc = -ENOMEM;

	/* On the way back nobody waits for it any more. */
	gw_hook_cancel(&run->hook);
	snprintf(label, sizeof(label), "session %s (%s)", run->id, run->vm);
	text = input(run, point);
	if (text != NULL)
		rc = gw_hook_start(run->env->attendant, point, label, text, waits ? hooked : NULL,
			run, waits ? &run->hook : NULL);
	free(text);
	if (rc == 0)
		return;
	snprintf(why, sizeof(why), "hook %s cannot be run: %s", gw_hook_name(point),
		rc == -EPIPE ? "the attendant process is gone" : strerror(-rc));
	gw_warn("%s: %s", label, why);
	if (waits)
		gw_run_feed(run, GW_EV_HOOKED, rc, 0, why);
}
