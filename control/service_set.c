/* SPDX-License-Identifier: BSD-3-Clause */
#include "service_set.h"

#include "../dataplane/base/ip.h"
#include "../dataplane/base/log.h"
#include "service_params.h"

#include <string.h>

#define INVALID_PARAMS -32602
#define SESSION_KEYS "class, weight, rate, blackout_limit_ms"
#define PORT_KEYS "rate, state"

json_t *gw_service_port_json(const struct gw_dp_port_info *p)
{
	char mac[18], ip[GW_IP_TEXT], address[GW_IP_TEXT + 4];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p->mac[0], p->mac[1], p->mac[2],
		p->mac[3], p->mac[4], p->mac[5]);
	snprintf(address, sizeof(address), "%s/%u", gw_ip_text(&p->ip, ip), p->prefix);
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}",
		"name", p->name, "device", p->device, "driver", p->driver, "mac", mac, "address",
		address, "mtu", (json_int_t)p->mtu, "link_up", p->link_up ? 1 : 0, "stopped",
		p->stopped ? 1 : 0, "standby", p->standby ? 1 : 0, "rate_bps",
		(json_int_t)p->rate_bps, "queues", (json_int_t)p->queues, "rx_packets",
		(json_int_t)p->rx_packets, "rx_bytes", (json_int_t)p->rx_bytes, "tx_packets",
		(json_int_t)p->tx_packets, "tx_bytes", (json_int_t)p->tx_bytes);
}

/* Every key is one of `allowed`, whose first are_names say what is to be set, and one at least is
 * not one of these. list: the rest, for people. */
static bool known(struct gw_rpc_call *call, const json_t *params, const char *const *allowed,
	uint32_t are_names, const char *list)
{
	uint32_t values = 0;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)params, key, value)
	{
		uint32_t i = 0;

		while (allowed[i] != NULL && strcmp(allowed[i], key) != 0)
			i++;
		if (allowed[i] == NULL) {
			gw_rpc_error(call, INVALID_PARAMS, NULL,
				"'%.64s' cannot be set; allowed: %s", key, list);
			return false;
		}
		values += i >= are_names;
	}
	if (values == 0)
		gw_rpc_error(call, INVALID_PARAMS, NULL, "nothing is to be set; allowed: %s", list);
	return values != 0;
}

static void set_session(struct gw_manager *manager, const json_t *params, struct gw_rpc_call *call)
{
	static const char *const keys[] = {
		"id", "vm", "class", "weight", "rate", "blackout_limit_ms", NULL};
	struct gw_changes c = {.class = NULL};
	uint64_t weight = 0, blackout_limit_ms = 0;
	struct gw_err err = {.text = ""};
	struct gw_params_ids ids;
	json_t *status = NULL;
	int rc;

	if (!known(call, params, keys, 2, SESSION_KEYS) || !gw_params_ids(call, params, &ids) ||
		!gw_params_class(gw_manager_config(manager), call, params, &c.class) ||
		!gw_params_option(call, params, "classes", "weight", &c.has_weight, &weight) ||
		!gw_params_option(call, params, "classes", "rate", &c.has_rate, &c.rate_bps) ||
		!gw_params_option(call, params, "migration", "blackout_limit_ms",
			&c.has_blackout_limit, &blackout_limit_ms))
		return;
	c.weight = (uint32_t)weight;
	c.blackout_limit_ms = (uint32_t)blackout_limit_ms;
	rc = gw_manager_change(manager, ids.id, ids.vm, &c, &status, &err);
	if (rc == 0)
		gw_rpc_reply(call, status);
	else
		gw_rpc_error(call, rc, NULL, "%s", err.text);
}

/* The port of this name; otherwise the call is answered. */
static bool find_port(
	const struct gw_dp *dp, const char *name, struct gw_rpc_call *call, uint32_t *port)
{
	struct gw_dp_port_info info;
	char names[256] = "";

	for (*port = 0; *port < gw_dp_port_count(dp); (*port)++) {
		size_t n = strlen(names);

		gw_dp_port_info(dp, *port, &info);
		if (strcmp(info.name, name) == 0)
			return true;
		snprintf(names + n, sizeof(names) - n, "%s%s", n == 0 ? "" : ", ", info.name);
	}
	gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "no port '%.31s'; there are: %s", name, names);
	return false;
}

static void set_port(struct gw_manager *manager, const json_t *params, struct gw_rpc_call *call)
{
	static const char *const keys[] = {"port", "rate", "state", NULL};
	const char *name = json_string_value(json_object_get(params, "port"));
	const json_t *value = json_object_get(params, "state");
	const char *state = json_string_value(value);
	struct gw_dp *dp = gw_manager_dp(manager);
	struct gw_dp_port_info info;
	uint64_t rate_bps = 0;
	bool has_rate;
	uint32_t port;

	if (!known(call, params, keys, 1, PORT_KEYS) ||
		!find_port(dp, name != NULL ? name : "", call, &port) ||
		!gw_params_option(call, params, "ports", "rate", &has_rate, &rate_bps))
		return;
	if (value != NULL &&
		(state == NULL || (strcmp(state, "up") != 0 && strcmp(state, "down") != 0))) {
		gw_rpc_error(call, INVALID_PARAMS, NULL,
			"state: '%.32s' is not valid; allowed: up or down",
			state != NULL ? state : "");
		return;
	}
	if (has_rate)
		gw_dp_port_set_rate(dp, port, rate_bps);
	if (state != NULL)
		gw_dp_port_enable(dp, port, strcmp(state, "up") == 0);
	gw_dp_port_info(dp, port, &info);
	gw_info("port %s: cap %llu bit/s, %s", info.name, (unsigned long long)info.rate_bps,
		info.stopped ? "out of service" : "in service");
	gw_rpc_reply(call, gw_service_port_json(&info));
}

void gw_service_set(struct gw_manager *manager, const json_t *params, struct gw_rpc_call *call)
{
	if (json_object_get(params, "port") != NULL)
		set_port(manager, params, call);
	else
		set_session(manager, params, call);
}
