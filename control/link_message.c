/* SPDX-License-Identifier: BSD-3-Clause */
#include "link_message.h"

#include "message.h"

#include <errno.h>
#include <string.h>

#define PATH_FIELDS 7u
#define MTU_MAX 65535u

json_t *gw_link_message_host(const struct gw_dp_host *host)
{
	json_t *ports = json_array();

	for (uint32_t i = 0; i < host->n_ports; i++)
		json_array_append_new(
			ports, json_pack("{s:I, s:i, s:I}", "ipv4", (json_int_t)host->port[i].ipv4,
				       "prefix", (int)host->port[i].prefix, "mtu",
				       (json_int_t)host->port[i].mtu));
	return json_pack("{s:s, s:I, s:o}", "integrity", gw_integrity_name(host->integrity),
		"cores", (json_int_t)host->n_cores, "ports", ports);
}

int gw_link_message_host_read(const json_t *o, struct gw_dp_host *host)
{
	const json_t *ports = json_object_get(o, "ports");
	struct gw_dp_host h = {0};
	char integrity[16];
	uint64_t v;

	if (!json_is_array(ports) || json_array_size(ports) > GW_DP_MAX_PORTS)
		return -EPROTO;
	if (gw_message_u64(o, "cores", GW_DP_MAX_WORKERS, &v) != 0 || v == 0)
		return -EPROTO;
	h.n_cores = (uint32_t)v;
	if (gw_message_text(o, "integrity", integrity, sizeof(integrity)) != 0)
		return -EPROTO;
	if (!gw_integrity_find(integrity, &h.integrity))
		return -EPROTO;
	h.n_ports = (uint32_t)json_array_size(ports);
	for (uint32_t i = 0; i < h.n_ports; i++) {
		const json_t *p = json_array_get(ports, i);
		uint64_t ip, prefix, mtu;

		if (gw_message_u64(p, "ipv4", UINT32_MAX, &ip) != 0 ||
			gw_message_u64(p, "prefix", 32, &prefix) != 0 ||
			gw_message_u64(p, "mtu", MTU_MAX, &mtu) != 0)
			return -EPROTO;
		h.port[i].ipv4 = (uint32_t)ip;
		h.port[i].prefix = (uint8_t)prefix;
		h.port[i].mtu = (uint32_t)mtu;
	}
	*host = h;
	return 0;
}

json_t *gw_link_message_paths(const struct gw_dp_path *path, uint32_t n)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(
			array, json_pack("[I, I, I, I, I, I, I]", (json_int_t)path[i].source_ip,
				       (json_int_t)path[i].peer_ip, (json_int_t)path[i].core,
				       (json_int_t)path[i].initiator_slot,
				       (json_int_t)path[i].acceptor_slot,
				       (json_int_t)path[i].key_id, (json_int_t)path[i].mtu));
	return array;
}

int gw_link_message_paths_read(const json_t *array, struct gw_dp_path *path, uint32_t *n)
{
	static const uint64_t max[PATH_FIELDS] = {
		UINT32_MAX, UINT32_MAX, UINT16_MAX, UINT16_MAX, UINT16_MAX, UINT32_MAX, MTU_MAX};
	size_t count = json_array_size(array);

	if (!json_is_array(array) || count == 0 || count > GW_DP_MAX_PATHS)
		return -EPROTO;
	for (size_t i = 0; i < count; i++) {
		const json_t *p = json_array_get(array, i);
		uint64_t v[PATH_FIELDS];

		if (!json_is_array(p) || json_array_size(p) != PATH_FIELDS)
			return -EPROTO;
		for (size_t f = 0; f < PATH_FIELDS; f++) {
			const json_t *x = json_array_get(p, f);

			if (!json_is_integer(x) || json_integer_value(x) < 0 ||
				(uint64_t)json_integer_value(x) > max[f])
				return -EPROTO;
			v[f] = (uint64_t)json_integer_value(x);
		}
		path[i] = (struct gw_dp_path){.source_ip = (uint32_t)v[0],
			.peer_ip = (uint32_t)v[1],
			.core = (uint16_t)v[2],
			.initiator_slot = (uint16_t)v[3],
			.acceptor_slot = (uint16_t)v[4],
			.key_id = (uint32_t)v[5],
			.mtu = (uint32_t)v[6]};
	}
	*n = (uint32_t)count;
	return 0;
}
