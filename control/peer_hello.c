/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said before any other message, and while there is none: hello, good-bye and heartbeat. */
#include "peer_internal.h"

#include "../dataplane/base/log.h"
#include "../dataplane/export/godwit_export.h"
#include "link_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

void gw_peer_say_hello(struct gw_peer *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "version", json_string(GODWIT_VERSION));
	json_object_set_new(o, "protocol", json_integer(GW_MESSAGE_VERSION));
	json_object_set_new(o, "name", gw_message_string(p->conf.self_name));
	json_object_set_new(o, "abi", json_integer(GW_EXPORT_ABI));
	json_object_set_new(o, "host", gw_link_message_host(p->conf.host));
	gw_peer_send(p, GW_MESSAGE_HELLO, o);
}

/* Ends the connection, and tells the peer why, unless it is known to be too old to understand. */
void gw_peer_refuse(struct gw_peer *p, const char *reason)
{
	if (p->version[0] == '\0' || p->protocol > GW_MESSAGE_OLDEST)
		gw_peer_send(
			p, GW_MESSAGE_BYE, json_pack("{s:o}", "reason", gw_message_string(reason)));
	gw_peer_end(p, reason);
}

void gw_peer_refuse_in_clear(struct gw_peer *p)
{
	static const char text[] = "you speak in the clear: `security` is on here and off there";
	uint8_t *bytes = NULL;
	size_t n = 0;

	if (gw_message_encode(GW_MESSAGE_OLDEST, GW_MESSAGE_BYE, json_pack("{s:s}", "reason", text),
		    &bytes, &n) == 0 &&
		send(p->transport.fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		gw_debug("peer %s: it cannot be told that it speaks in the clear", p->address);
	free(bytes);
}

static void take_hello(struct gw_peer *p, const json_t *body)
{
	struct gw_err err = {.text = ""};
	uint64_t protocol = GW_MESSAGE_OLDEST;

	if (json_object_get(body, "protocol") != NULL &&
		(gw_message_u64(body, "protocol", UINT32_MAX, &protocol) != 0 ||
			protocol < GW_MESSAGE_OLDEST)) {
		gw_peer_end(p, "its hello is not valid");
		return;
	}
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
	p->protocol = protocol < GW_MESSAGE_VERSION ? (uint32_t)protocol : GW_MESSAGE_VERSION;
	if ((!p->conf.nameless && p->transport.ops->identity(&p->transport, p->name, &err) != 0) ||
		(p->conf.admit != NULL && p->conf.admit(p->conf.admit_ctx, p, &err) != 0)) {
		gw_peer_refuse(p, err.text);
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

static void bye(struct gw_peer *p, const json_t *body)
{
	char reason[GW_ERR_TEXT - 32], text[GW_ERR_TEXT];

	gw_message_reason(body, "reason", reason, sizeof(reason));
	snprintf(text, sizeof(text), "it refuses this host: %s", reason);
	gw_peer_end(p, text);
}

void gw_peer_take(struct gw_peer *p, enum gw_message_type type, const json_t *body)
{
	if (type == GW_MESSAGE_BYE) {
		bye(p, body);
	} else if (!p->up) {
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
