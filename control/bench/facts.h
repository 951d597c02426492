/* SPDX-License-Identifier: BSD-3-Clause */
/* The facts of this end that findings are made from: data plane, ports, CPUs. */
#pragma once

#include "findings.h"
#include "options.h"

/* link: for the MTU of its paths; NULL: not known. other_cpu: poll cores of the other end where it
 * is on this machine. */
void facts_gather(const struct bench_options *o, const struct gw_dp *dp,
	const struct gw_dp_link *link, const uint32_t *other_cpu, uint32_t n_other,
	struct facts *facts);
/* What the data plane has found out since about the MTU that arrives at the other end. */
void facts_found_mtu(const struct gw_dp_link *link, struct facts *facts);
