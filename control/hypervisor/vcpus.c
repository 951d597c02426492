/* SPDX-License-Identifier: BSD-3-Clause */
#include "vcpus.h"

#include <limits.h>
#include <stdbool.h>

static bool known(const pid_t *tids, uint32_t n, pid_t tid)
{
	for (uint32_t i = 0; i < n; i++)
		if (tids[i] == tid)
			return true;
	return false;
}

uint32_t gw_vcpus_parse(const json_t *cpus, pid_t tids[GW_VCPU_MAX_THREADS])
{
	const json_t *cpu;
	uint32_t n = 0;
	size_t i;

	json_array_foreach(cpus, i, cpu)
	{
		const json_t *id = json_object_get(cpu, "thread-id");
		json_int_t tid = json_integer_value(id);

		if (!json_is_integer(id) || tid <= 0 || tid > INT_MAX)
			return 0;
		if (known(tids, n, (pid_t)tid))
			continue;
		if (n == GW_VCPU_MAX_THREADS)
			return 0;
		tids[n++] = (pid_t)tid;
	}
	return n;
}
