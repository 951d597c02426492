/* SPDX-License-Identifier: BSD-3-Clause */
/* config/: any bytes as a configuration file. */
#include "../../config/load.h"
#include "../../dataplane/base/log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_config *config = NULL;
	struct gw_err err;
	cpu_set_t online;

	gw_log_set_level((enum gw_log_level)0);
	CPU_ZERO(&online);
	for (int cpu = 0; cpu < 4; cpu++)
		CPU_SET(cpu, &online);
	/* What loads is complete; libcyaml must not refuse what the checks let pass. */
	if (gw_config_load_text((const char *)data, size, "f", &online, &config, &err) == 0) {
		if (config->name == NULL || config->n_ports == 0 ||
			config->dataplane.n_workers == 0 || config->ports[0].mtu < 1500 ||
			config->migration.blackout_limit_ms == 0)
			abort();
	} else if (config != NULL || strncmp(err.text, "f: cannot load", 14) == 0) {
		abort();
	}
	gw_config_free(&config);
	return 0;
}
