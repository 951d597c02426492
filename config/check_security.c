/* SPDX-License-Identifier: BSD-3-Clause */
/* What `security: off` demands of the addresses, and what the peers' entries demand of each other.
 */
#include "check.h"
#include "config.h"
#include "options.h"
#include "private.h"
#include "value.h"

#include <string.h>

#define PATH_BYTES 160
#define REMEDY                                                                             \
	"`security: off` takes private addresses only (RFC 1918, unique local, loopback, " \
	"link-local): "

static void not_private(const struct gw_node *node, const char *text, struct gw_problems *problems)
{
	char path[PATH_BYTES];

	gw_node_path(node, path, sizeof(path));
	gw_problem(problems, node->line,
		"%s: '%.80s' is not private; " REMEDY "set security: on, or another address", path,
		text);
}

static void endpoint(const struct gw_outline *outline, const struct gw_node *map,
	const char *section, const char *key, struct gw_problems *problems)
{
	const struct gw_node *node = gw_config_value(outline, map, gw_section_find(section), key);
	enum gw_endpoint kind;

	/* A host's name is looked at when it is resolved (transport.c). */
	if (node != NULL && gw_value_endpoint(node->text, &kind) == 0 && kind == GW_ENDPOINT_PUBLIC)
		not_private(node, node->text, problems);
}

static void addresses(const struct gw_outline *outline, struct gw_problems *problems)
{
	const struct gw_node *root = gw_outline_root(outline), *item = NULL, *node;
	const struct gw_node *ports = gw_outline_get(outline, root, "ports");
	const struct gw_node *peers = gw_outline_get(outline, root, "peers");
	struct gw_ip ip;
	uint32_t prefix;

	endpoint(outline, gw_outline_get(outline, root, "control"), "control", "listen", problems);
	while (ports != NULL && (item = gw_outline_next(outline, ports, item)) != NULL) {
		node = gw_config_value(outline, item, gw_section_find("ports"), "address");
		if (node != NULL && gw_value_address(node->text, &ip, &prefix) == 0 &&
			!gw_private_ip(&ip))
			not_private(node, node->text, problems);
	}
	item = NULL;
	while (peers != NULL && (item = gw_outline_next(outline, peers, item)) != NULL)
		endpoint(outline, item, "peers", "address", problems);
}

/* Every peer has an address, but the one that stands for all others. */
static void peers(const struct gw_outline *outline, struct gw_problems *problems)
{
	const struct gw_section *section = gw_section_find("peers");
	const struct gw_node *list = gw_outline_get(outline, gw_outline_root(outline), "peers");
	const struct gw_node *item = NULL, *name, *address;
	char path[PATH_BYTES];
	bool any;

	while (list != NULL && (item = gw_outline_next(outline, list, item)) != NULL) {
		name = gw_config_value(outline, item, section, "name");
		address = gw_outline_get(outline, item, "address");
		any = name != NULL && strcmp(name->text, GW_CONFIG_ANY_PEER) == 0;
		gw_node_path(item, path, sizeof(path));
		if (item->kind == GW_NODE_MAP && !any && address == NULL)
			gw_problem(problems, item->line, "%s: address is missing", path);
		if (any && address != NULL)
			gw_problem(problems, address->line,
				"%s.address: the peer '*' has none: it stands for hosts that come "
				"to this one",
				path);
	}
}

void gw_config_check_security(const struct gw_outline *outline, struct gw_problems *problems)
{
	const struct gw_node *root = gw_outline_root(outline);
	const struct gw_node *security =
		gw_config_value(outline, root, gw_section_find(""), "security");

	peers(outline, problems);
	if (security != NULL && strcmp(security->text, "off") == 0)
		addresses(outline, problems);
}
