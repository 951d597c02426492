/* SPDX-License-Identifier: BSD-3-Clause */
/* A YAML document as a tree with the line of every value, which libcyaml does not tell for the
 * values it loaded. */
#pragma once

#include "problems.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_outline;

enum gw_node_kind { GW_NODE_SCALAR, GW_NODE_LIST, GW_NODE_MAP };

struct gw_node {
	const struct gw_node *parent; /* NULL: the root */
	const char *key;              /* in a mapping; NULL in a list */
	uint32_t index;               /* among the parent's children */
	enum gw_node_kind kind;
	const char *text; /* of a scalar, else "" */
	bool empty;       /* a scalar that says nothing: "", "~", "null" without quotes */
	uint32_t line;    /* from 1 */
	uint32_t n_children;
};

/* Reports what is no YAML, duplicate keys, aliases, tags, and more than one document. Returns
 * -EINVAL where the text cannot be read at all; else *out holds whatever was found. text may go
 * afterwards. */
int gw_outline_create(
	const char *text, size_t len, struct gw_problems *problems, struct gw_outline **out);
void gw_outline_free(struct gw_outline **outline);

/* NULL for an empty document. */
const struct gw_node *gw_outline_root(const struct gw_outline *outline);
/* The children of parent one by one, in file order: prev NULL gives the first. */
const struct gw_node *gw_outline_next(
	const struct gw_outline *outline, const struct gw_node *parent, const struct gw_node *prev);
/* parent NULL or not a mapping: NULL. */
const struct gw_node *gw_outline_get(
	const struct gw_outline *outline, const struct gw_node *parent, const char *key);

/* "ports[2].address" */
void gw_node_path(const struct gw_node *node, char *buf, size_t size);
