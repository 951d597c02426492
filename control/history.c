/* SPDX-License-Identifier: BSD-3-Clause */
#include "history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct gw_history {
	unsigned int next, n; /* where the next goes, how many there are */
	struct {
		json_t *status, *report;
	} entry[GW_HISTORY_MAX];
};

int gw_history_create(struct gw_history **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : -ENOMEM;
}

void gw_history_free(struct gw_history **h)
{
	if (*h == NULL)
		return;
	for (unsigned int i = 0; i < (*h)->n; i++) {
		json_decref((*h)->entry[i].status);
		json_decref((*h)->entry[i].report);
	}
	free(*h);
	*h = NULL;
}

void gw_history_add(struct gw_history *h, json_t *status, json_t *report)
{
	unsigned int i = h->next;

	if (h->n == GW_HISTORY_MAX) {
		json_decref(h->entry[i].status);
		json_decref(h->entry[i].report);
	} else {
		h->n++;
	}
	h->entry[i].status = status;
	h->entry[i].report = report;
	h->next = (i + 1) % GW_HISTORY_MAX;
}

/* The k-th newest. */
static unsigned int at(const struct gw_history *h, unsigned int k)
{
	return (h->next + GW_HISTORY_MAX - 1 - k) % GW_HISTORY_MAX;
}

json_t *gw_history_find(const struct gw_history *h, const char *id, const char *vm, int report)
{
	for (unsigned int k = 0; k < h->n; k++) {
		json_t *s = h->entry[at(h, k)].status;
		const char *value = json_string_value(json_object_get(s, id != NULL ? "id" : "vm"));

		if (value != NULL && strcmp(value, id != NULL ? id : vm) == 0)
			return report ? h->entry[at(h, k)].report : s;
	}
	return NULL;
}

void gw_history_list(const struct gw_history *h, json_t *array)
{
	for (unsigned int k = 0; k < h->n; k++)
		json_array_append(array, h->entry[at(h, k)].status);
}
