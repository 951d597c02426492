/* SPDX-License-Identifier: BSD-3-Clause */
/* The peers as the method `peers` shows them. */
#include "peers_internal.h"

#include "../dataplane/base/clock.h"
#include "expiry.h"

#include <string.h>

/* What the ways to it were found to do wrong. */
static void add_findings(json_t *o, const struct gw_dp_link *link)
{
	struct gw_dp_mtu_finding f[GW_DP_MAX_PORTS];
	uint32_t n = gw_dp_link_mtu_findings(link, f, GW_DP_MAX_PORTS);
	char text[GW_DP_MTU_TEXT];
	json_t *array;

	if (n == 0)
		return;
	array = json_array();
	for (uint32_t i = 0; i < n; i++) {
		gw_dp_mtu_finding_text(&f[i], text);
		json_array_append_new(array, gw_message_string(text));
	}
	json_object_set_new(o, "findings", array);
}

static json_t *entry_json(const struct gw_peers_entry *e)
{
	const struct gw_peer *peer = e->conn != NULL ? gw_conn_peer(e->conn) : NULL;
	bool up = peer != NULL && gw_peer_is_up(peer);
	struct gw_link *link = up ? gw_conn_link(e->conn) : NULL;
	struct gw_dp_link_status st = {0};
	const char *error = up ? gw_conn_distrusted(e->conn) : e->error;
	json_t *o;

	if (error == NULL)
		error = gw_conn_link_error(e->conn);

	if (link != NULL)
		gw_dp_link_status(gw_link_dp(link), &st);
	o = json_pack("{s:o, s:s, s:b, s:I, s:s, s:I, s:I}", "name",
		gw_message_string(e->config != NULL ? e->config->name : gw_peer_name(peer)),
		"address", e->config != NULL ? e->config->address : gw_peer_address(peer),
		"connected", up ? 1 : 0, "rtt_us",
		(json_int_t)((st.rtt_ns != 0 ? st.rtt_ns
				     : up    ? gw_peer_rtt_ns(peer)
					     : 0) /
			     GW_NS_PER_US),
		"version", up ? gw_peer_version(peer) : "", "paths", (json_int_t)st.paths,
		"paths_up", (json_int_t)st.paths_up);
	if (up && gw_peer_secure(peer))
		json_object_set_new(o, "certificate_days_left",
			json_integer(gw_peer_certificate_left_s(peer) / GW_EXPIRY_DAY_S));
	if (error[0] != '\0')
		json_object_set_new(o, "error", gw_message_string(error));
	if (link != NULL)
		add_findings(o, gw_link_dp(link));
	return o;
}

static bool configured(const struct gw_peers *p, const char *name)
{
	const struct gw_config *c = p->conf.config;

	for (uint32_t i = 0; i < c->n_peers; i++)
		if (strcmp(c->peers[i].name, name) == 0)
			return true;
	return false;
}

json_t *gw_peers_json(const struct gw_peers *p)
{
	json_t *array = json_array();
	const struct gw_peers_entry *e;

	LIST_FOREACH(e, &p->entries, link)
	if (e->config != NULL)
		json_array_append_new(array, entry_json(e));
	/* Of hosts that only come to us; the others are listed with our own connection to them. */
	LIST_FOREACH(e, &p->entries, link)
	if (e->config == NULL && gw_peer_is_up(gw_conn_peer(e->conn)) &&
		!configured(p, gw_peer_name(gw_conn_peer(e->conn))))
		json_array_append_new(array, entry_json(e));
	return array;
}
