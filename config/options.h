/* SPDX-License-Identifier: BSD-3-Clause */
/* The one table of options. The YAML schema, the checks, `godwitd --help` and the example files
 * are all made from it. */
#pragma once

#include <cyaml/cyaml.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gw_option_type {
	GW_OPTION_NAME,     /* char *: letters, digits, '.', '_', '-' */
	GW_OPTION_PATH,     /* char *: absolute */
	GW_OPTION_ENDPOINT, /* char *: host:port */
	GW_OPTION_DEVICE,   /* char *: PCI address or virtual device */
	GW_OPTION_ADDRESS,  /* char *: IPv4 address/prefix */
	GW_OPTION_GATEWAY,  /* char *: IPv4 address */
	GW_OPTION_WORD,     /* char *: one of choices */
	GW_OPTION_CHOICE,   /* enum: one of choices */
	GW_OPTION_UINT,     /* uint32_t: min..max */
	GW_OPTION_BOOL,     /* bool */
	GW_OPTION_RATE,     /* uint64_t: bits per second */
	GW_OPTION_PEER,     /* char *: a name, or "*" */
	GW_OPTION_ALLOW,    /* struct gw_config_allow */
	GW_OPTION_CPUS,     /* uint32_t array and count: min..max is a CPU's number */
	GW_OPTION_USER,     /* uint32_t: uid, of a name or number; GW_CONFIG_NONE: "none" */
	GW_OPTION_GROUP,    /* uint32_t: gid, likewise */
	GW_OPTION_MODE,     /* uint32_t: octal digits, likewise */
	GW_OPTION_USERS,    /* uint32_t[GW_CONFIG_MAX_USERS] of uids, and count */
	GW_OPTION_TYPES
};

/* The one default that depends on the machine. */
#define GW_OPTION_HOST_NAME "the host name"

struct gw_option {
	const char *key;
	enum gw_option_type type;
	uint32_t offset, count_offset; /* in the section's struct; count_offset: CPUS, USERS */
	uint64_t min, max;
	const char *unit;     /* NULL: none */
	const char *fallback; /* the default, as it would stand in the file; NULL: none */
	const char *sample;   /* what an example shows where the default says too little */
	bool required;
	const cyaml_strval_t *choices;
	uint32_t n_choices;
	const char *help;
};

struct gw_section {
	const char *key; /* "": the top level */
	const char *help;
	bool list;             /* a list of mappings, as ports */
	uint32_t offset, size; /* of the section's struct in gw_config; a list: of the pointer, of
				  an entry */
	uint32_t count_offset, max;
	const struct gw_option *options;
	uint32_t n_options;
};

#define GW_CONFIG_SECTIONS 11
#define GW_SECTION_MAX_OPTIONS 20
extern const struct gw_section gw_sections[GW_CONFIG_SECTIONS];

const struct gw_section *gw_section_find(const char *key);
const struct gw_option *gw_option_find(const struct gw_section *section, const char *key);

/* What may stand there, for people: "1..60000 ms", "true or false". */
void gw_option_allowed(const struct gw_option *option, char *buf, size_t size);

/* The known key nearest to a mistyped one; NULL where none is near. section "" also knows section
 * names. */
const char *gw_option_nearest(const struct gw_section *section, const char *key);
