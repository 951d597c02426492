/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer's own, shared by its files. */
#pragma once

#include "peer.h"
#include "sendq.h"

struct gw_peer {
	struct gw_peer_conf conf;
	struct gw_peer_callbacks cb;
	struct gw_transport transport;
	struct gw_watch *watch;
	struct gw_timer *timer; /* heartbeat and silence; fires at once to report an end */
	struct gw_message_reader *reader;
	struct gw_sendq out;
	bool initiator, connected, heard, up, ended;
	int write_failed; /* a negative errno: reading may still find out why */
	uint32_t protocol;
	uint64_t begun_ns, heard_ns, said_ns, rtt_ns;
	struct gw_dp_host host;
	char name[GW_NAME_MAX], version[32], address[128];
	char reason[GW_ERR_TEXT];
};

/* Notes the first reason and lets the timer report it, so that no caller sees the peer vanish under
 * it. */
void gw_peer_end(struct gw_peer *p, const char *reason);

/* ---- peer_hello.c ---- */
void gw_peer_say_hello(struct gw_peer *p);
/* gw_peer_refuse() to one that does not speak TLS and waits for its hello. */
void gw_peer_refuse_in_clear(struct gw_peer *p);
/* A message that came: hello and heartbeat are dealt with, the others are the owner's. */
void gw_peer_take(struct gw_peer *p, enum gw_message_type type, const json_t *body);
