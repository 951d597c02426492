/* SPDX-License-Identifier: BSD-3-Clause */
#include "link_message.h"

#include "message.h"

#include <errno.h>
#include <string.h>

#define PATH_FIELDS 7u
#define PATH_ADDRESSES 2u /* the first fields */
#define MTU_MAX 65535u

/* IPv4 as a number, which is how versions before IPv6 say and understand it. */
static json_t *ip_json(const struct gw_ip *ip)
{
	char text[GW_IP_TEXT];

	return gw_ip_is_v4(ip) ? json_integer(gw_ip_v4(ip)) : json_string(gw_ip_text(ip, text));
}

static int read_ipv6(const json_t *x, struct gw_ip *ip)
{
	const char *text = json_string_value(x);

	if (text == NULL || strlen(text) >= GW_IP_TEXT || !gw_ip_from_text(text, ip) ||
		gw_ip_is_v4(ip) || !gw_ip_is_v6_host(ip))
		return -EPROTO;
	return 0;
}

static int read_ip(const json_t *x, struct gw_ip *ip)
{
	if (!json_is_integer(x))
		return read_ipv6(x, ip);
	if (json_integer_value(x) < 0 || json_integer_value(x) > UINT32_MAX)
		return -EPROTO;
	*ip = gw_ip_from_v4((uint32_t)json_integer_value(x));
	return 0;
}

/* The ports of one family. */
static json_t *ports_json(const struct gw_dp_host *host, bool ipv6)
{
	json_t *ports = json_array();

	for (uint32_t i = 0; i < host->n_ports; i++) {
		const struct gw_ip *ip = &host->port[i].ip;

		if (gw_ip_is_v4(ip) == ipv6)
			continue;
		json_array_append_new(ports,
			json_pack("{s:o, s:i, s:I}", ipv6 ? "ipv6" : "ipv4", ip_json(ip), "prefix",
				(int)host->port[i].prefix, "mtu", (json_int_t)host->port[i].mtu));
	}
	return ports;
}

json_t *gw_link_message_host(const struct gw_dp_host *host)
{
	json_t *ports6 = ports_json(host, true);
	json_t *o = json_pack("{s:s, s:I, s:o}", "integrity", gw_integrity_name(host->integrity),
		"cores", (json_int_t)host->n_cores, "ports", ports_json(host, false));

	/* Versions before IPv6 overlook it. */
	if (json_array_size(ports6) != 0)
		json_object_set(o, "ports6", ports6);
	json_decref(ports6);
	return o;
}

static int read_ports(const json_t *ports, bool ipv6, struct gw_dp_host *h)
{
	size_t n = json_array_size(ports);

	if (!json_is_array(ports) || n > GW_DP_MAX_PORTS - h->n_ports)
		return -EPROTO;
	for (size_t i = 0; i < n; i++) {
		const json_t *p = json_array_get(ports, i);
		const json_t *x = json_object_get(p, ipv6 ? "ipv6" : "ipv4");
		uint64_t prefix, mtu;
		struct gw_ip ip;

		if (json_is_integer(x) == ipv6 || read_ip(x, &ip) != 0 ||
			gw_message_u64(p, "prefix", gw_ip_prefix_max(&ip), &prefix) != 0 ||
			gw_message_u64(p, "mtu", MTU_MAX, &mtu) != 0)
			return -EPROTO;
		h->port[h->n_ports].ip = ip;
		h->port[h->n_ports].prefix = (uint8_t)prefix;
		h->port[h->n_ports++].mtu = (uint32_t)mtu;
	}
	return 0;
}

int gw_link_message_host_read(const json_t *o, struct gw_dp_host *host)
{
	const json_t *ports6 = json_object_get(o, "ports6");
	struct gw_dp_host h = {0};
	char integrity[16];
	uint64_t v;

	if (gw_message_u64(o, "cores", GW_DP_MAX_WORKERS, &v) != 0 || v == 0)
		return -EPROTO;
	h.n_cores = (uint32_t)v;
	if (gw_message_text(o, "integrity", integrity, sizeof(integrity)) != 0)
		return -EPROTO;
	if (!gw_integrity_find(integrity, &h.integrity))
		return -EPROTO;
	if (read_ports(json_object_get(o, "ports"), false, &h) != 0 ||
		(ports6 != NULL && read_ports(ports6, true, &h) != 0))
		return -EPROTO;
	*host = h;
	return 0;
}

json_t *gw_link_message_paths(const struct gw_dp_path *path, uint32_t n)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(
			array, json_pack("[o, o, I, I, I, I, I]", ip_json(&path[i].source_ip),
				       ip_json(&path[i].peer_ip), (json_int_t)path[i].core,
				       (json_int_t)path[i].initiator_slot,
				       (json_int_t)path[i].acceptor_slot,
				       (json_int_t)path[i].key_id, (json_int_t)path[i].mtu));
	return array;
}

int gw_link_message_paths_read(const json_t *array, struct gw_dp_path *path, uint32_t *n)
{
	static const uint64_t max[PATH_FIELDS] = {
		[PATH_ADDRESSES] = UINT16_MAX, UINT16_MAX, UINT16_MAX, UINT32_MAX, MTU_MAX};
	size_t count = json_array_size(array);

	if (!json_is_array(array) || count == 0 || count > GW_DP_MAX_PATHS)
		return -EPROTO;
	for (size_t i = 0; i < count; i++) {
		const json_t *p = json_array_get(array, i);
		struct gw_ip source_ip, peer_ip;
		uint64_t v[PATH_FIELDS];

		if (!json_is_array(p) || json_array_size(p) != PATH_FIELDS ||
			read_ip(json_array_get(p, 0), &source_ip) != 0 ||
			read_ip(json_array_get(p, 1), &peer_ip) != 0)
			return -EPROTO;
		for (size_t f = PATH_ADDRESSES; f < PATH_FIELDS; f++) {
			const json_t *x = json_array_get(p, f);

			if (!json_is_integer(x) || json_integer_value(x) < 0 ||
				(uint64_t)json_integer_value(x) > max[f])
				return -EPROTO;
			v[f] = (uint64_t)json_integer_value(x);
		}
		path[i] = (struct gw_dp_path){.source_ip = source_ip,
			.peer_ip = peer_ip,
			.core = (uint16_t)v[2],
			.initiator_slot = (uint16_t)v[3],
			.acceptor_slot = (uint16_t)v[4],
			.key_id = (uint32_t)v[5],
			.mtu = (uint32_t)v[6]};
	}
	*n = (uint32_t)count;
	return 0;
}
