/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_version.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * QEMU refuses a plugin whose version is outside [oldest it still supports, its own]. Neither bound
 * can be asked for before it looks at our version, but QEMU exports the API's functions to plugins,
 * so the newest one that is there tells its own version (or one not far below it), and that is in
 * the range by definition. This library calls none of them, so claiming any version is honest.
 */
static const struct {
	int version;
	const char *function; /* came with that version */
} history[] = {
	{5, "qemu_plugin_write_memory_vaddr"},
	{4, "qemu_plugin_read_memory_vaddr"},
	{2, "qemu_plugin_num_vcpus"},
};

int gw_qemu_plugin_version(void)
{
	/* The way out for a QEMU that is newer than this list and has dropped all of it. */
	const char *forced = getenv("GODWIT_QEMU_PLUGIN_VERSION");

	if (forced != NULL)
		return atoi(forced);
	for (size_t i = 0; i < sizeof(history) / sizeof(history[0]); i++) {
		if (dlsym(RTLD_DEFAULT, history[i].function) != NULL)
			return history[i].version;
	}
	return 1;
}
