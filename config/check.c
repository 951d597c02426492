/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"
#include "allow.h"
#include "config.h"
#include "options.h"
#include "value.h"

#include "../dataplane/base/log.h"

#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 160
#define SHOWN "%.80s" /* as much of a value as a message shows */

struct check {
	const struct gw_outline *outline;
	const cpu_set_t *online;
	struct gw_problems *problems;
};

static void scalar(struct check *c, const struct gw_node *node, const struct gw_option *option)
{
	char path[PATH_BYTES], allowed[128];

	gw_node_path(node, path, sizeof(path));
	gw_option_allowed(option, allowed, sizeof(allowed));
	if (node->kind != GW_NODE_SCALAR)
		gw_problem(c->problems, node->line, "%s: is a %s, not one value; allowed: %s", path,
			node->kind == GW_NODE_LIST ? "list" : "mapping", allowed);
	else if (node->empty)
		gw_problem(c->problems, node->line,
			"%s: has no value (leave the line out for the default); allowed: %s", path,
			allowed);
	else if (gw_value_check(option, node->text) < 0)
		gw_problem(c->problems, node->line, "%s: '" SHOWN "' is not valid; allowed: %s",
			path, node->text, allowed);
}

static void scalars(struct check *c, const struct gw_node *list, const struct gw_option *option)
{
	bool cpus = option->type == GW_OPTION_CPUS;
	uint32_t min = cpus ? 1 : 0, max = cpus ? GW_CONFIG_MAX_WORKERS : GW_CONFIG_MAX_USERS;
	const struct gw_node *item = NULL;
	char path[PATH_BYTES];

	gw_node_path(list, path, sizeof(path));
	if (list->kind != GW_NODE_LIST || list->n_children < min || list->n_children > max) {
		gw_problem(c->problems, list->line, "%s: must be a list of %u to %u %s", path, min,
			max, cpus ? "CPUs, such as [2, 3]" : "users, such as [libvirt-qemu]");
		return;
	}
	while ((item = gw_outline_next(c->outline, list, item)) != NULL)
		scalar(c, item, option);
}

static void unknown(struct check *c, const struct gw_node *node, const struct gw_section *section)
{
	const char *nearest = gw_option_nearest(section, node->key);
	char path[PATH_BYTES];

	gw_node_path(node, path, sizeof(path));
	if (nearest != NULL)
		gw_problem(c->problems, node->line, "%s: unknown key; did you mean '%s'?", path,
			nearest);
	else
		gw_problem(c->problems, node->line,
			"%s: unknown key; godwitd --help lists them all", path);
}

static void known_or_not(
	struct check *c, const struct gw_node *node, const struct gw_section *section)
{
	const struct gw_option *option = gw_option_find(section, node->key);

	if (option == NULL)
		unknown(c, node, section);
	else if (option->type == GW_OPTION_CPUS || option->type == GW_OPTION_USERS)
		scalars(c, node, option);
	else if (option->type == GW_OPTION_ALLOW)
		gw_allow_check(c->outline, node, c->problems);
	else
		scalar(c, node, option);
}

static void options(struct check *c, const struct gw_node *map, const struct gw_section *section)
{
	const struct gw_node *node = NULL;
	char path[PATH_BYTES];

	gw_node_path(map, path, sizeof(path));
	if (map->kind != GW_NODE_MAP) {
		gw_problem(c->problems, map->line,
			"%s: must hold options, one 'key: value' a line, indented", path);
		return;
	}
	while ((node = gw_outline_next(c->outline, map, node)) != NULL)
		known_or_not(c, node, section);
	for (uint32_t i = 0; i < section->n_options; i++)
		if (section->options[i].required &&
			gw_outline_get(c->outline, map, section->options[i].key) == NULL)
			gw_problem(c->problems, map->line, "%s: %s is missing", path,
				section->options[i].key);
}

static void section_of(
	struct check *c, const struct gw_node *node, const struct gw_section *section)
{
	const struct gw_node *item = NULL;

	if (!section->list) {
		options(c, node, section);
		return;
	}
	if (node->kind != GW_NODE_LIST || node->n_children > section->max) {
		gw_problem(c->problems, node->line,
			"%s: must be a list of up to %u entries ('- name: ...')", section->key,
			section->max);
		return;
	}
	while ((item = gw_outline_next(c->outline, node, item)) != NULL)
		options(c, item, section);
}

const struct gw_node *gw_config_value(const struct gw_outline *outline, const struct gw_node *map,
	const struct gw_section *section, const char *key)
{
	const struct gw_node *node = gw_outline_get(outline, map, key);

	if (node == NULL || node->kind != GW_NODE_SCALAR || node->empty ||
		gw_value_check(gw_option_find(section, key), node->text) < 0)
		return NULL;
	return node;
}

static const struct gw_node *valid(const struct check *c, const struct gw_node *map,
	const struct gw_section *section, const char *key)
{
	return gw_config_value(c->outline, map, section, key);
}

/* What two entries of a list must not share, brought into one spelling. */
static void spelling(const struct gw_option *option, const char *text, char *buf, size_t size)
{
	uint32_t prefix;
	struct gw_ip ip;

	if (option->type == GW_OPTION_DEVICE) {
		gw_value_device(text, buf, size);
	} else if (option->type == GW_OPTION_ADDRESS) {
		gw_value_address(text, &ip, &prefix);
		gw_ip_text(&ip, buf);
	} else {
		snprintf(buf, size, "%s", text);
	}
}

static void unique(struct check *c, const char *list_key, const char *key)
{
	const struct gw_section *section = gw_section_find(list_key);
	const struct gw_option *option = gw_option_find(section, key);
	const struct gw_node *list =
		gw_outline_get(c->outline, gw_outline_root(c->outline), list_key);
	const struct gw_node *seen[GW_CONFIG_MAX_PEERS], *item = NULL;
	char mine[64], theirs[64], path[PATH_BYTES];
	uint32_t n = 0;

	if (list == NULL || list->kind != GW_NODE_LIST || list->n_children > section->max)
		return;
	while ((item = gw_outline_next(c->outline, list, item)) != NULL) {
		const struct gw_node *node = valid(c, item, section, key);

		if (node == NULL)
			continue;
		spelling(option, node->text, mine, sizeof(mine));
		gw_node_path(node, path, sizeof(path));
		for (uint32_t i = 0; i < n; i++) {
			spelling(option, seen[i]->text, theirs, sizeof(theirs));
			if (strcmp(mine, theirs) == 0) {
				gw_problem(c->problems, node->line,
					"%s: '" SHOWN
					"' is used already in line %u; allowed: one %s each",
					path, node->text, seen[i]->line, key);
				break;
			}
		}
		seen[n++] = node;
	}
}

static void gateways(struct check *c)
{
	const struct gw_section *section = gw_section_find("ports");
	const struct gw_node *list =
		gw_outline_get(c->outline, gw_outline_root(c->outline), "ports");
	const struct gw_node *item = NULL, *address, *gateway;
	struct gw_ip ip, router;
	uint32_t prefix;
	char path[PATH_BYTES];

	if (list == NULL || list->kind != GW_NODE_LIST)
		return;
	while ((item = gw_outline_next(c->outline, list, item)) != NULL) {
		address = valid(c, item, section, "address");
		gateway = valid(c, item, section, "gateway");
		if (address == NULL || gateway == NULL)
			continue;
		gw_value_address(address->text, &ip, &prefix);
		gw_value_ip(gateway->text, &router);
		gw_node_path(gateway, path, sizeof(path));
		if (gw_ip_is_v4(&ip) != gw_ip_is_v4(&router))
			gw_problem(c->problems, gateway->line,
				"%s: '%s' is of another family than the port's address %s; "
				"allowed: an %s address",
				path, gateway->text, address->text,
				gw_ip_is_v4(&ip) ? "IPv4" : "IPv6");
		/* An IPv6 router's link-local address is on every link of its. */
		else if (gw_ip_equal(&ip, &router) ||
			 !(gw_ip_same_subnet(&ip, &router, prefix) || gw_ip_is_link_local(&router)))
			gw_problem(c->problems, gateway->line,
				"%s: '%s' is not reachable; allowed: another host's address in the "
				"port's "
				"subnet %s",
				path, gateway->text, address->text);
	}
}

/* The default class must be one of those that there are. */
static void default_class(struct check *c)
{
	const struct gw_section *migration = gw_section_find("migration");
	const struct gw_section *classes = gw_section_find("classes");
	const struct gw_node *root = gw_outline_root(c->outline), *item = NULL, *name;
	const struct gw_node *list = gw_outline_get(c->outline, root, "classes");
	const struct gw_node *wanted =
		valid(c, gw_outline_get(c->outline, root, "migration"), migration, "class");

	if (wanted == NULL || strcmp(wanted->text, GW_CONFIG_DEFAULT_CLASS) == 0)
		return;
	while (list != NULL && list->kind == GW_NODE_LIST &&
		(item = gw_outline_next(c->outline, list, item)) != NULL) {
		name = valid(c, item, classes, "name");
		if (name != NULL && strcmp(name->text, wanted->text) == 0)
			return;
	}
	gw_problem(c->problems, wanted->line,
		"migration.class: '" SHOWN "' is no class; allowed: " GW_CONFIG_DEFAULT_CLASS
		", or a name under classes",
		wanted->text);
}

static void workers(struct check *c, uint64_t control_cpu)
{
	const struct gw_section *section = gw_section_find("dataplane");
	const struct gw_option *option = gw_option_find(section, "workers");
	const struct gw_node *map =
		gw_outline_get(c->outline, gw_outline_root(c->outline), "dataplane");
	const struct gw_node *list = gw_outline_get(c->outline, map, "workers"), *item = NULL;
	cpu_set_t used;
	uint64_t cpu;

	CPU_ZERO(&used);
	if (list == NULL) {
		if (!CPU_ISSET(1, c->online))
			gw_problem(c->problems, 0,
				"dataplane.workers: the default, CPU 1, is not "
				"online; name the CPUs to use");
		return;
	}
	if (list->kind != GW_NODE_LIST || list->n_children > GW_CONFIG_MAX_WORKERS)
		return;
	while ((item = gw_outline_next(c->outline, list, item)) != NULL) {
		if (gw_value_check(option, item->text) < 0 || gw_value_uint(item->text, &cpu) < 0)
			continue;
		if (CPU_ISSET(cpu, &used))
			gw_problem(c->problems, item->line,
				"dataplane.workers: CPU %s is named twice; two pollers on one CPU "
				"starve "
				"each other",
				item->text);
		else if (!CPU_ISSET(cpu, c->online))
			gw_problem(c->problems, item->line,
				"dataplane.workers: CPU %s is not online; allowed: those in "
				"/sys/devices/system/cpu/online",
				item->text);
		else if (cpu == control_cpu)
			gw_warn("%s:%u: dataplane.workers: CPU %s is also the control thread's: a "
				"polling worker will delay it",
				c->problems->file, item->line, item->text);
		CPU_SET(cpu, &used);
	}
}

static void control_plane(struct check *c)
{
	const struct gw_section *section = gw_section_find("control");
	const struct gw_node *map =
		gw_outline_get(c->outline, gw_outline_root(c->outline), "control");
	const struct gw_node *cpu = valid(c, map, section, "cpu");
	uint64_t number = 0;

	if (cpu != NULL && gw_value_uint(cpu->text, &number) == 0 && !CPU_ISSET(number, c->online))
		gw_problem(c->problems, cpu->line,
			"control.cpu: CPU %s is not online; allowed: those in "
			"/sys/devices/system/cpu/online",
			cpu->text);
	workers(c, number);
}

static void some_port(struct check *c, const struct gw_node *root)
{
	const struct gw_node *ports = gw_outline_get(c->outline, root, "ports");

	if (ports == NULL || (ports->kind == GW_NODE_LIST && ports->n_children == 0))
		gw_problem(c->problems, ports == NULL ? 0 : ports->line,
			"ports: none; allowed: 1 to %d, each with name, device and address",
			GW_CONFIG_MAX_PORTS);
}

void gw_config_check(
	const struct gw_outline *outline, const cpu_set_t *online, struct gw_problems *problems)
{
	struct check c = {.outline = outline, .online = online, .problems = problems};
	const struct gw_node *root = gw_outline_root(outline), *node = NULL;
	const struct gw_section *top = gw_section_find(""), *section;

	if (root != NULL && root->kind != GW_NODE_MAP) {
		gw_problem(problems, root->line, "must hold options, one 'key: value' a line");
		return;
	}
	while (root != NULL && (node = gw_outline_next(outline, root, node)) != NULL) {
		section = gw_section_find(node->key);
		if (section == NULL || section == top)
			known_or_not(&c, node, top);
		else
			section_of(&c, node, section);
	}
	some_port(&c, root);
	unique(&c, "ports", "name");
	unique(&c, "ports", "device");
	unique(&c, "ports", "address");
	unique(&c, "peers", "name");
	unique(&c, "classes", "name");
	default_class(&c);
	gateways(&c);
	control_plane(&c);
	gw_config_check_security(outline, problems);
}
