/* SPDX-License-Identifier: BSD-3-Clause */
#include "outline.h"

#include <yaml.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Section, entry, option, list, pattern, and one to see that it is no scalar. */
#define MAX_DEPTH 6

struct gw_outline {
	yaml_document_t document; /* owns every text */
	struct gw_node *nodes;    /* a parent before its children */
	uint32_t n_nodes, max_nodes;
	bool *seen; /* by the document's node number */
	struct gw_problems *problems;
};

static bool says_nothing(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (text[0] == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

static bool whole_text(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE &&
	       strlen((const char *)node->data.scalar.value) == node->data.scalar.length;
}

/* A node that two places name is an alias: without them the document is a tree, so that a small
 * file cannot unfold into a large one. Children are counted before they are added, so the array
 * never moves. */
static struct gw_node *add(
	struct gw_outline *o, const struct gw_node *parent, const char *key, int id)
{
	const yaml_node_t *node = yaml_document_get_node(&o->document, id);
	uint32_t line = (uint32_t)node->start_mark.line + 1;
	struct gw_node *n;

	if (o->seen[id] || o->n_nodes == o->max_nodes) {
		gw_problem(o->problems, line, "anchors and aliases are not supported");
		return NULL;
	}
	o->seen[id] = true;
	n = &o->nodes[o->n_nodes++];
	*n = (struct gw_node){.parent = parent, .key = key, .line = line, .text = ""};
	if (node->type == YAML_SCALAR_NODE) {
		n->kind = GW_NODE_SCALAR;
		n->text = (const char *)node->data.scalar.value;
		n->empty = says_nothing(node);
		if (!whole_text(node))
			gw_problem(o->problems, line, "a NUL character in a value");
	} else {
		n->kind = node->type == YAML_MAPPING_NODE ? GW_NODE_MAP : GW_NODE_LIST;
	}
	return n;
}

static bool repeated(const struct gw_outline *o, const struct gw_node *map, const char *key)
{
	return gw_outline_get(o, map, key) != NULL;
}

static void add_children(struct gw_outline *o, struct gw_node *parent, int id, uint32_t depth)
{
	const yaml_node_t *node = yaml_document_get_node(&o->document, id);
	struct gw_node *child;

	if (depth > MAX_DEPTH)
		return;
	if (node->type == YAML_SEQUENCE_NODE) {
		for (yaml_node_item_t *item = node->data.sequence.items.start;
			item < node->data.sequence.items.top; item++) {
			child = add(o, parent, NULL, *item);
			if (child == NULL)
				continue;
			child->index = parent->n_children++;
			add_children(o, child, *item, depth + 1);
		}
	} else if (node->type == YAML_MAPPING_NODE) {
		for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
			pair < node->data.mapping.pairs.top; pair++) {
			const yaml_node_t *key = yaml_document_get_node(&o->document, pair->key);
			uint32_t line = (uint32_t)key->start_mark.line + 1;
			const char *text = (const char *)key->data.scalar.value;

			if (!whole_text(key)) {
				gw_problem(o->problems, line, "a key must be plain text");
				continue;
			}
			if (repeated(o, parent, text))
				gw_problem(o->problems, line, "%.64s: stands here a second time",
					text);
			child = add(o, parent, text, pair->value);
			if (child == NULL)
				continue;
			child->index = parent->n_children++;
			/* The key's line is what a reader looks for, also where the value starts
			 * below. */
			child->line = line;
			add_children(o, child, pair->value, depth + 1);
		}
	}
}

static int parser_problem(const yaml_parser_t *parser, struct gw_problems *problems)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	gw_problem(problems, (uint32_t)parser->problem_mark.line + 1, "not YAML: %s%s%s",
		parser->problem == NULL ? "unreadable" : parser->problem,
		parser->context == NULL ? "" : " ", parser->context == NULL ? "" : parser->context);
	return -EINVAL;
}

static int check_single(yaml_parser_t *parser, struct gw_problems *problems)
{
	yaml_document_t second;
	yaml_node_t *root;

	if (!yaml_parser_load(parser, &second))
		return parser_problem(parser, problems);
	root = yaml_document_get_root_node(&second);
	if (root != NULL)
		gw_problem(problems, (uint32_t)root->start_mark.line + 1,
			"a second document (after '---'); only one is allowed");
	yaml_document_delete(&second);
	return 0;
}

int gw_outline_create(
	const char *text, size_t len, struct gw_problems *problems, struct gw_outline **out)
{
	struct gw_outline *o = calloc(1, sizeof(*o));
	yaml_parser_t parser;
	size_t n;
	int rc = -ENOMEM;

	if (o == NULL)
		return -ENOMEM;
	if (!yaml_parser_initialize(&parser))
		goto free_outline;
	o->problems = problems;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &o->document)) {
		rc = parser_problem(&parser, problems);
		goto free_parser;
	}
	n = (size_t)(o->document.nodes.top - o->document.nodes.start);
	o->nodes = calloc(n + 1, sizeof(*o->nodes));
	o->seen = calloc(n + 1, sizeof(*o->seen));
	if (o->nodes == NULL || o->seen == NULL)
		goto free_document;
	o->max_nodes = (uint32_t)n;
	if (n > 0) {
		struct gw_node *root = add(o, NULL, NULL, 1);

		rc = check_single(&parser, problems);
		if (rc < 0)
			goto free_document;
		add_children(o, root, 1, 1);
	}
	o->problems = NULL;
	yaml_parser_delete(&parser);
	*out = o;
	return 0;

free_document:
	yaml_document_delete(&o->document);
free_parser:
	yaml_parser_delete(&parser);
free_outline:
	free(o->nodes);
	free(o->seen);
	free(o);
	return rc;
}

void gw_outline_free(struct gw_outline **outline)
{
	if (*outline == NULL)
		return;
	yaml_document_delete(&(*outline)->document);
	free((*outline)->nodes);
	free((*outline)->seen);
	free(*outline);
	*outline = NULL;
}

const struct gw_node *gw_outline_root(const struct gw_outline *outline)
{
	return outline->n_nodes == 0 ? NULL : &outline->nodes[0];
}

const struct gw_node *gw_outline_next(
	const struct gw_outline *outline, const struct gw_node *parent, const struct gw_node *prev)
{
	const struct gw_node *end = outline->nodes + outline->n_nodes;

	for (const struct gw_node *n = prev == NULL ? parent + 1 : prev + 1; n < end; n++)
		if (n->parent == parent)
			return n;
	return NULL;
}

const struct gw_node *gw_outline_get(
	const struct gw_outline *outline, const struct gw_node *parent, const char *key)
{
	const struct gw_node *n = NULL;

	if (parent == NULL || parent->kind != GW_NODE_MAP)
		return NULL;
	while ((n = gw_outline_next(outline, parent, n)) != NULL)
		if (strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

void gw_node_path(const struct gw_node *node, char *buf, size_t size)
{
	size_t n;

	buf[0] = '\0';
	if (node->parent == NULL)
		return;
	gw_node_path(node->parent, buf, size);
	n = strlen(buf);
	if (node->key == NULL)
		snprintf(buf + n, size - n, "[%u]", node->index);
	else
		snprintf(buf + n, size - n, "%s%.64s", n == 0 ? "" : ".", node->key);
}
