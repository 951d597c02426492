/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said before any other message, and while there is none: hello and heartbeat. */
#include "peer_internal.h"

#include "../dataplane/export/godwit_export.h"
#include "link_message.h"

#include <stdio.h>

void gw_peer_say_hello(struct gw_peer *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "version", json_string(GODWIT_VERSION));
	json_object_set_new(o, "name", gw_message_string(p->conf.self_name));
	json_object_set_new(o, "abi", json_integer(GW_EXPORT_ABI));
	json_object_set_new(o, "host", gw_link_message_host(p->conf.host));
	gw_peer_send(p, GW_MESSAGE_HELLO, o);
}

static void take_hello(struct gw_peer *p, const json_t *body)
{
	if (gw_message_text(body, "name", p->name, sizeof(p->name)) != 0 ||
		!gw_name_valid(p->name)) {
		gw_peer_end(p, "its hello has no valid name");
		return;
	}
	if (gw_message_text(body, "version", p->version, sizeof(p->version)) != 0 ||
		gw_link_message_host_read(json_object_get(body, "host"), &p->host) != 0) {
		gw_peer_end(p, "its hello is not valid");
		return;
	}
	if (!p->initiator)
		gw_peer_say_hello(p);
	p->up = true;
	p->cb.up(p->cb.ctx, p);
}

static void heartbeat(struct gw_peer *p, enum gw_message_type type, const json_t *body)
{
	uint64_t t;

	if (gw_message_u64(body, "t", INT64_MAX, &t) != 0) {
		gw_peer_end(p, "its heartbeat is not valid");
	} else if (type == GW_MESSAGE_PING) {
		gw_peer_send(p, GW_MESSAGE_PONG, json_pack("{s:I}", "t", (json_int_t)t));
	} else if (t <= p->heard_ns) {
		/* t comes back from the peer: an invented one only spoils the figure shown for this
		 * peer. */
		p->rtt_ns = p->heard_ns - t;
	}
}

void gw_peer_take(struct gw_peer *p, enum gw_message_type type, const json_t *body)
{
	if (!p->up) {
		if (type == GW_MESSAGE_HELLO)
			take_hello(p, body);
		else
			gw_peer_end(p, "it did not say hello");
	} else if (type == GW_MESSAGE_HELLO) {
		gw_peer_end(p, "it said hello twice");
	} else if (type == GW_MESSAGE_PING || type == GW_MESSAGE_PONG) {
		heartbeat(p, type, body);
	} else if (p->cb.message(p->cb.ctx, p, type, body) != 0) {
		char text[96];

		snprintf(text, sizeof(text), "its message '%s' is not valid here",
			gw_message_name(type));
		gw_peer_end(p, text);
	}
}
