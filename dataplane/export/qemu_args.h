/* SPDX-License-Identifier: BSD-3-Clause */
/* What QEMU's own command line tells: memory backend ids and the UUID. QEMU has no interface for a
 * plugin to ask. Best effort: what is not found there is made up from file names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gw_qemu_args {
	char *text; /* the arguments, NUL separated; NULL: unreadable */
	size_t len;
};

/* Reads /proc/self/cmdline. Never fails: without it nothing is found. */
void gw_qemu_args_read(struct gw_qemu_args *a);
void gw_qemu_args_free(struct gw_qemu_args *a);

/* True if the flag (as in "-daemonize") is there, with one dash or two. */
bool gw_qemu_args_has(const struct gw_qemu_args *a, const char *flag);

/* The value behind the last such flag, or NULL. */
const char *gw_qemu_args_value(const struct gw_qemu_args *a, const char *flag);

/* The id of the memory-backend-file that was given this path. True: found. */
bool gw_qemu_args_file_id(const struct gw_qemu_args *a, const char *path, char *id, size_t cap);

/* The id of the idx-th object of this type, in the order of the command line. */
bool gw_qemu_args_nth_id(
	const struct gw_qemu_args *a, const char *type, unsigned int idx, char *id, size_t cap);

/* How many memory backends QEMU takes all memory of when it starts; with an id, of those named so.
 */
unsigned int gw_qemu_args_preallocated(const struct gw_qemu_args *a, const char *id);

/* The value of a key in an option text: "type,key=value,..." (",," is a comma) or a flat JSON
 * object. "qom-type" is the leading word of the first form. */
bool gw_qemu_option(const char *option, const char *key, char *value, size_t cap);
