/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One control connection to another godwitd. The side that wants to migrate connects (initiator);
 * the other accepts. Both say hello; then messages pass, and while nothing else does, a heartbeat
 * every second. Silence for the peer time limit means that the peer is gone.
 */
#pragma once

#include "../dataplane/dataplane.h"
#include "loop.h"
#include "message.h"
#include "transport.h"

struct gw_peer;

struct gw_peer_conf {
	struct gw_loop *loop;
	const char *self_name;         /* of this host */
	const struct gw_dp_host *host; /* of this host */
	uint64_t timeout_ns;
	const struct gw_tls *tls; /* NULL: in the clear */
	const char *expect;       /* when connecting: what its certificate must carry; NULL: the
				     address' host */
	bool nameless; /* hello names a program, not a host of which a certificate speaks */
	/* Hello has come, and the name in it is the certificate's: a negative return turns the peer
	 * away, with err. NULL: all are welcome. */
	int (*admit)(void *ctx, const struct gw_peer *peer, struct gw_err *err);
	void *admit_ctx;
};

struct gw_peer_callbacks {
	/* Hello was exchanged. */
	void (*up)(void *ctx, struct gw_peer *peer);
	/* body is borrowed. Anything but hello and heartbeat. A negative return closes the
	 * connection. */
	int (*message)(
		void *ctx, struct gw_peer *peer, enum gw_message_type type, const json_t *body);
	/* The last call: the owner frees the peer, in it or later. Never from inside a call into
	 * the peer. */
	void (*gone)(void *ctx, struct gw_peer *peer, const char *reason);
	void *ctx;
};

int gw_peer_connect(const struct gw_peer_conf *conf, const char *address,
	const struct gw_peer_callbacks *cb, struct gw_peer **out, struct gw_err *err);
/* As gw_peer_connect(), over a descriptor that is connected already and becomes the peer's, also
 * where this fails. address is for people. */
int gw_peer_open(const struct gw_peer_conf *conf, int fd, const char *address,
	const struct gw_peer_callbacks *cb, struct gw_peer **out, struct gw_err *err);
/* fd becomes the peer's, also where this fails. address is for people. */
int gw_peer_accept(const struct gw_peer_conf *conf, int fd, const char *address,
	const struct gw_peer_callbacks *cb, struct gw_peer **out, struct gw_err *err);
void gw_peer_free(struct gw_peer **peer);

/* body is stolen (NULL: none). A message that cannot be sent ends the connection: gone follows. */
void gw_peer_send(struct gw_peer *peer, enum gw_message_type type, json_t *body);
/* Bytes that wait to be written: large transfers pause while it is high. */
size_t gw_peer_backlog(const struct gw_peer *peer);

bool gw_peer_is_up(const struct gw_peer *peer);
bool gw_peer_was_up(const struct gw_peer *peer); /* or is */
bool gw_peer_initiator(const struct gw_peer *peer);
const char *gw_peer_name(const struct gw_peer *peer); /* as it calls itself; "" before hello */
const char *gw_peer_address(const struct gw_peer *peer);
const char *gw_peer_version(const struct gw_peer *peer);
uint64_t gw_peer_rtt_ns(const struct gw_peer *peer);   /* of the heartbeat; 0: unknown */
uint32_t gw_peer_protocol(const struct gw_peer *peer); /* that both know */
bool gw_peer_secure(const struct gw_peer *peer);
bool gw_peer_certified(const struct gw_peer *peer, const char *name); /* false in the clear */
int64_t gw_peer_certificate_left_s(const struct gw_peer *peer);       /* INT64_MAX in the clear */
/* Secret bytes that the peer has too: transport.h, export. */
int gw_peer_export(const struct gw_peer *peer, const char *label, uint8_t *out, size_t len);
/* Those of the data plane's link, where its packets are encrypted: secret, to be wiped; NULL: they
 * are not. -ENOTSUP with err where the connection itself is in the clear. */
int gw_peer_link_secret(const struct gw_peer *peer, uint8_t room[GW_DP_SECRET_BYTES],
	const uint8_t **secret, struct gw_err *err);
/* 0, or why its certificate would not be accepted any more. */
int gw_peer_trusted(const struct gw_peer *peer, struct gw_err *err);
/* Ends the connection, telling the peer why; gone follows. */
void gw_peer_refuse(struct gw_peer *peer, const char *reason);
const struct gw_dp_host *gw_peer_host(const struct gw_peer *peer);
