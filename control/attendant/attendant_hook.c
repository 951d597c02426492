/* SPDX-License-Identifier: BSD-3-Clause */
/* Hooks as godwitd has them. */
#include "attendant_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void gw_hook_ended(struct gw_hook_run *h, int result, const char *text)
{
	gw_hook_fn *fn = h->fn;
	void *ctx = h->ctx;

	for (struct gw_hook_run **p = &h->a->hooks; *p != NULL; p = &(*p)->next)
		if (*p == h) {
			*p = h->next;
			break;
		}
	if (h->handle != NULL)
		*h->handle = NULL;
	free(h);
	if (fn != NULL)
		fn(ctx, result, text);
}

int gw_hook_start(struct gw_attendant *a, enum gw_hook_point point, const char *label,
	const char *input, gw_hook_fn *fn, void *ctx, struct gw_hook_run **out)
{
	size_t n = strlen(input);
	struct gw_hook_run *h;
	int rc;

	if (!gw_attendant_alive(a))
		return -EPIPE;
	if (n > GW_HOOK_INPUT_MAX)
		return -E2BIG;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return -ENOMEM;
	h->id = ++a->last_id;
	memset(&a->request, 0, sizeof(a->request));
	a->request.type = GW_ATTENDANT_HOOK;
	a->request.id = h->id;
	a->request.point = point;
	a->request.n = (uint32_t)n;
	snprintf(a->request.label, sizeof(a->request.label), "%s", label);
	memcpy(a->request.u.input, input, n);
	rc = gw_attendant_ask(a, -1);
	if (rc != 0) {
		free(h);
		return rc;
	}
	h->a = a;
	h->fn = fn;
	h->ctx = ctx;
	h->handle = out;
	h->next = a->hooks;
	a->hooks = h;
	if (out != NULL)
		*out = h;
	return 0;
}

void gw_hook_cancel(struct gw_hook_run **run)
{
	struct gw_hook_run *h = *run;
	struct gw_attendant *a;
	uint32_t id;

	if (h == NULL)
		return;
	a = h->a;
	id = h->id;
	h->fn = NULL;
	h->handle = NULL;
	gw_hook_ended(h, 0, "");
	*run = NULL;
	if (!gw_attendant_alive(a))
		return;
	memset(&a->request, 0, sizeof(a->request));
	a->request.type = GW_ATTENDANT_CANCEL_HOOK;
	a->request.id = id;
	gw_attendant_ask(a, -1);
}
