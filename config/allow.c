/* SPDX-License-Identifier: BSD-3-Clause */
#include "allow.h"
#include "value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 160

static void check_list(
	const struct gw_outline *outline, const struct gw_node *list, struct gw_problems *problems)
{
	const struct gw_node *item = NULL;
	char path[PATH_BYTES];

	gw_node_path(list, path, sizeof(path));
	if (list->kind != GW_NODE_LIST || list->n_children > GW_CONFIG_MAX_PATTERNS) {
		gw_problem(problems, list->line,
			"%s: must be a list of up to %d patterns of VMs' names, such as ['web-*', "
			"db]; [] is none",
			path, GW_CONFIG_MAX_PATTERNS);
		return;
	}
	while ((item = gw_outline_next(outline, list, item)) != NULL) {
		gw_node_path(item, path, sizeof(path));
		if (item->kind != GW_NODE_SCALAR || item->empty || gw_value_pattern(item->text) < 0)
			gw_problem(problems, item->line,
				"%s: '%.80s' is no pattern; allowed: letters, digits, '.', '_', "
				"'-', and '*', '?', '[...]' for others",
				path, item->text);
	}
}

void gw_allow_check(
	const struct gw_outline *outline, const struct gw_node *node, struct gw_problems *problems)
{
	const struct gw_node *list = NULL;
	char path[PATH_BYTES];

	gw_node_path(node, path, sizeof(path));
	if (node->kind != GW_NODE_MAP) {
		gw_problem(problems, node->line,
			"%s: must hold the lists send and receive, such as {send: ['*'], receive: "
			"[]}",
			path);
		return;
	}
	while ((list = gw_outline_next(outline, node, list)) != NULL) {
		if (strcmp(list->key, "send") == 0 || strcmp(list->key, "receive") == 0) {
			check_list(outline, list, problems);
			continue;
		}
		gw_node_path(list, path, sizeof(path));
		gw_problem(problems, list->line, "%s: unknown key; allowed: send, receive", path);
	}
}

static int all(char ***list, uint32_t *n)
{
	*list = malloc(sizeof(**list));
	if (*list == NULL)
		return -ENOMEM;
	(*list)[0] = strdup("*");
	*n = 1;
	return (*list)[0] != NULL ? 0 : -ENOMEM;
}

int gw_allow_fill(
	const struct gw_outline *outline, const struct gw_node *node, struct gw_config_allow *allow)
{
	int rc = 0;

	if (gw_outline_get(outline, node, "send") == NULL)
		rc = all(&allow->send, &allow->n_send);
	if (rc == 0 && gw_outline_get(outline, node, "receive") == NULL)
		rc = all(&allow->receive, &allow->n_receive);
	return rc;
}
