/* SPDX-License-Identifier: BSD-3-Clause */
#include "outages.h"

#include "../dataplane/base/clock.h"

static void begin(struct gw_outages *o, uint32_t port, uint64_t ns)
{
	o->out_ns[port] = ns;
	if (o->kept == GW_OUTAGES_MAX) {
		o->lost++;
		return;
	}
	o->list[o->kept].port = port;
	o->list[o->kept].down_ns = ns;
	o->list[o->kept++].up_ns = 0;
}

static void end(struct gw_outages *o, uint32_t port, uint64_t ns)
{
	o->out_ns[port] = 0;
	for (uint32_t i = o->kept; i-- > 0;) {
		if (o->list[i].port != port)
			continue;
		if (o->list[i].up_ns == 0)
			o->list[i].up_ns = ns;
		return;
	}
}

void gw_outages_look(
	struct gw_outages *o, const struct gw_dp_link_port *port, uint32_t n_ports, uint64_t now_ns)
{
	uint32_t used = 0, out = 0;

	for (uint32_t i = 0; i < n_ports; i++) {
		/* The worker knows better than this look when it was. */
		uint64_t ns = port[i].changed_ns != 0 && port[i].changed_ns < now_ns
				      ? port[i].changed_ns
				      : now_ns;

		if (port[i].paths == 0)
			continue;
		if (port[i].paths_up == 0 && o->out_ns[i] == 0)
			begin(o, i, ns);
		else if (port[i].paths_up != 0 && o->out_ns[i] != 0)
			end(o, i, ns);
		used++;
		out += o->out_ns[i] != 0;
	}
	if (used == 0 || out < used)
		o->all_ns = 0;
	else if (o->all_ns == 0)
		o->all_ns = now_ns;
}

json_t *gw_outages_json(const struct gw_outages *o, uint32_t port, uint64_t start_ns)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < o->kept; i++) {
		uint64_t down_ns =
			o->list[i].down_ns > start_ns ? o->list[i].down_ns - start_ns : 0;
		uint64_t up_ns = o->list[i].up_ns > start_ns ? o->list[i].up_ns - start_ns : 0;

		if (o->list[i].port == port)
			json_array_append_new(
				array, json_pack("{s:f, s:o}", "down_ms",
					       (double)down_ns / GW_NS_PER_MS, "up_ms",
					       o->list[i].up_ns == 0
						       ? json_null()
						       : json_real((double)up_ns / GW_NS_PER_MS)));
	}
	return array;
}
