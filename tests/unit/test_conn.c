/* SPDX-License-Identifier: BSD-3-Clause */
/* control/conn.c over a peer and a link that are made up: the secret of a link, on its way from one
 * to the other, is wiped whatever comes of it. */
#include <string.h>

static const void *wiped; /* the last that was */
static size_t wiped_bytes;

static void seen_bzero(void *p, size_t bytes)
{
	wiped = p;
	wiped_bytes = bytes;
	explicit_bzero(p, bytes);
}

#define explicit_bzero seen_bzero

#include "../../control/conn.c"
#include "run.h"

#define PEER_PORT 0x0a000001u

static bool initiator;
static int link_result; /* of the next link */
static uint32_t proposed_from = PEER_PORT;
static enum gw_message_type sent;
static const void *room_given; /* where the secret lay */
static bool whole;             /* when the link got it, and not wiped before */
static const uint8_t secret_made[GW_DP_SECRET_BYTES] = "thirty-two bytes from TLS, once";

/* ---- the peer ---- */

int gw_peer_link_secret(const struct gw_peer *peer, uint8_t room[GW_DP_SECRET_BYTES],
	const uint8_t **secret, struct gw_err *err)
{
	(void)peer;
	(void)err;
	memcpy(room, secret_made, GW_DP_SECRET_BYTES);
	room_given = room;
	*secret = room;
	return 0;
}

bool gw_peer_initiator(const struct gw_peer *peer)
{
	(void)peer;
	return initiator;
}

void gw_peer_send(struct gw_peer *peer, enum gw_message_type type, json_t *body)
{
	(void)peer;
	sent = type;
	json_decref(body);
}

const char *gw_peer_name(const struct gw_peer *peer)
{
	(void)peer;
	return "peer";
}

const char *gw_peer_address(const struct gw_peer *peer)
{
	return gw_peer_name(peer);
}

const char *gw_peer_version(const struct gw_peer *peer)
{
	return gw_peer_name(peer);
}

const struct gw_dp_host *gw_peer_host(const struct gw_peer *peer)
{
	static struct gw_dp_host host = {.n_ports = 1};

	(void)peer;
	host.port[0].ip = gw_ip_from_v4(PEER_PORT);
	return &host;
}

/* ---- the link ---- */

static int link_made(const uint8_t *secret, struct gw_err *err)
{
	whole = secret == room_given && wiped == NULL &&
		memcmp(secret, secret_made, GW_DP_SECRET_BYTES) == 0;
	return link_result == 0 ? 0 : gw_err(err, link_result, "as it was made up");
}

int gw_link_plan(struct gw_loop *loop, struct gw_dp *dp, const struct gw_dp_host *peer,
	const uint8_t *secret, struct gw_link **out, struct gw_err *err)
{
	(void)loop;
	(void)dp;
	(void)peer;
	(void)out;
	return link_made(secret, err);
}

int gw_link_accept(struct gw_loop *loop, struct gw_dp *dp, const struct gw_dp_path *proposed,
	uint32_t n, const uint8_t *secret, struct gw_link **out, struct gw_err *err)
{
	(void)loop;
	(void)dp;
	(void)proposed;
	(void)n;
	(void)out;
	return link_made(secret, err);
}

void gw_link_put(struct gw_link **link)
{
	*link = NULL;
}

struct gw_dp_link *gw_link_dp(const struct gw_link *link)
{
	(void)link;
	return NULL;
}

const struct gw_dp_path *gw_dp_link_paths(const struct gw_dp_link *link, uint32_t *n)
{
	static struct gw_dp_path path[1];

	(void)link;
	path[0].source_ip = path[0].peer_ip = gw_ip_from_v4(proposed_from);
	*n = 1;
	return path;
}

/* ---- what is not asked for here ---- */

int gw_link_start(
	struct gw_link *link, const struct gw_dp_path *path, uint32_t n, struct gw_err *err)
{
	(void)link;
	(void)path;
	(void)n;
	return gw_err(err, -EINVAL, "nobody starts it");
}

bool gw_link_started(const struct gw_link *link)
{
	(void)link;
	return false;
}

int gw_peer_connect(const struct gw_peer_conf *conf, const char *address,
	const struct gw_peer_callbacks *cb, struct gw_peer **out, struct gw_err *err)
{
	(void)conf;
	(void)address;
	(void)cb;
	(void)out;
	return gw_err(err, -EINVAL, "nobody connects");
}

int gw_peer_accept(const struct gw_peer_conf *conf, int fd, const char *address,
	const struct gw_peer_callbacks *cb, struct gw_peer **out, struct gw_err *err)
{
	(void)fd;
	return gw_peer_connect(conf, address, cb, out, err);
}

void gw_peer_free(struct gw_peer **peer)
{
	*peer = NULL;
}

void gw_peer_refuse(struct gw_peer *peer, const char *reason)
{
	(void)peer;
	(void)reason;
}

int gw_transport_accepted(int fd, const struct gw_tls *tls, struct gw_transport *out)
{
	(void)fd;
	(void)tls;
	(void)out;
	return -EINVAL;
}

/* ---- */

static void up(void *ctx, struct gw_conn *conn)
{
	(void)ctx;
	(void)conn;
}

static void expect(int rc, enum gw_message_type type)
{
	struct gw_conn c = {.cb.up = up};
	json_t *paths;

	wiped = room_given = NULL;
	wiped_bytes = 0;
	link_result = rc;
	sent = GW_MESSAGE_HELLO;
	if (initiator) {
		on_up(&c, NULL);
	} else {
		paths = json_pack("{s:o}", "paths",
			gw_link_message_paths(gw_dp_link_paths(NULL, &(uint32_t){0}), 1));
		CU_ASSERT_EQUAL(on_message(&c, NULL, GW_MESSAGE_PATHS, paths), 0);
		json_decref(paths);
	}
	CU_ASSERT(whole);
	CU_ASSERT_EQUAL(sent, type);
	CU_ASSERT_PTR_NOT_NULL(wiped);
	CU_ASSERT_PTR_EQUAL(wiped, room_given);
	CU_ASSERT_EQUAL(wiped_bytes, GW_DP_SECRET_BYTES);
}

/* Paths begin at ports of who proposes them. */
static void test_of_another(void)
{
	struct gw_conn c = {.cb.up = up};
	json_t *paths;

	initiator = false;
	proposed_from = PEER_PORT + 1;
	paths = json_pack(
		"{s:o}", "paths", gw_link_message_paths(gw_dp_link_paths(NULL, &(uint32_t){0}), 1));
	CU_ASSERT_EQUAL(on_message(&c, NULL, GW_MESSAGE_PATHS, paths), -EPROTO);
	json_decref(paths);
	proposed_from = PEER_PORT;
}

static void test_planned(void)
{
	initiator = true;
	expect(0, GW_MESSAGE_PATHS);
	expect(-ENOSPC, GW_MESSAGE_HELLO);
}

static void test_accepted(void)
{
	initiator = false;
	expect(0, GW_MESSAGE_PATHS_OK);
	expect(-ENOSPC, GW_MESSAGE_PATHS_FAILED);
}

int main(void)
{
	CU_TestInfo tests[] = {{"planned", test_planned}, {"accepted", test_accepted},
		{"of another", test_of_another}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"conn", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	return run_suites(suites);
}
