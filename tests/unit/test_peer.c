/* SPDX-License-Identifier: BSD-3-Clause */
/* control/peer.c, peer_hello.c, peer_view.c: hello, versions, and who is turned away, over TCP and
 * TLS. */
#include "../../control/peer.c"
#include "../../control/peer_hello.c"
#include "../../control/peer_view.c"
#include "../../control/sendq.c"
#include "../../control/tls.h"
#include "loop_run.h"
#include "pki.h"
#include "run.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

/* One end, and what became of it. */
struct side {
	struct gw_peer *peer;
	struct gw_peer_conf conf;
	bool up, gone;
	const char *turns_away; /* what admit says; NULL: welcome */
	char reason[GW_ERR_TEXT];
};

static struct gw_dp_host host = {
	.n_ports = 1, .port[0].ip = {0, UINT64_C(0xffff0a000001)}, .n_cores = 1};
static struct side client, server;
static struct gw_tls *tls[3]; /* of a, b, and of another authority's b */
enum { A, B, OTHER };
static char file[9][PATH_MAX];

static int setup(void)
{
	static const char *const hosts[] = {"one/a", "one/b", "two/b"};
	struct gw_err err;
	char name[64];

	for (int i = 0; i < 3; i++) {
		struct gw_tls_conf c = {.ca = pki_file("one/ca.pem", file[3 * i])};

		snprintf(name, sizeof(name), "%s/host.pem", hosts[i]);
		c.certificate = pki_file(name, file[3 * i + 1]);
		snprintf(name, sizeof(name), "%s/host.key", hosts[i]);
		c.key = pki_file(name, file[3 * i + 2]);
		if (gw_tls_create(&c, &tls[i], &err) != 0)
			return -1;
	}
	return gw_loop_create(&loop);
}

static int teardown(void)
{
	for (int i = 0; i < 3; i++)
		gw_tls_free(&tls[i]);
	gw_loop_free(&loop);
	return 0;
}

static bool settled(const struct side *s)
{
	return s->up || s->gone;
}

static void look(void)
{
	if (settled(&client) && settled(&server) && client.up == server.up)
		gw_loop_stop(loop);
}

static void on_up(void *ctx, struct gw_peer *peer)
{
	struct side *s = ctx;

	(void)peer;
	s->up = true;
	look();
}

static int on_message(
	void *ctx, struct gw_peer *peer, enum gw_message_type type, const json_t *body)
{
	(void)ctx;
	(void)peer;
	(void)body;
	return type == GW_MESSAGE_GO ? 0 : -EPROTO;
}

static void on_gone(void *ctx, struct gw_peer *peer, const char *reason)
{
	struct side *s = ctx;

	(void)peer;
	s->gone = true;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
	look();
	if (client.gone && server.gone)
		gw_loop_stop(loop);
}

static int admit(void *ctx, const struct gw_peer *peer, struct gw_err *err)
{
	const struct side *s = ctx;

	return s->turns_away == NULL
		       ? 0
		       : gw_err(err, -EACCES, "'%s' %s", gw_peer_name(peer), s->turns_away);
}

static void prepare(struct side *s, const char *name, const struct gw_tls *credentials)
{
	*s = (struct side){.conf = {.loop = loop,
				   .self_name = name,
				   .host = &host,
				   .timeout_ns = 3 * GW_NS_PER_S,
				   .tls = credentials,
				   .admit = admit,
				   .admit_ctx = s}};
}

static int listener(char address[64])
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	struct gw_err err;
	int fd = -1;

	CU_ASSERT_EQUAL_FATAL(gw_transport_listen("127.0.0.1:0", GW_REACH_LOOPBACK, &fd, &err), 0);
	getsockname(fd, (struct sockaddr *)&in, &len);
	snprintf(address, 64, "127.0.0.1:%u", ntohs(in.sin_port));
	return fd;
}

static int take_one(int fd)
{
	int accepted;

	do
		accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	while (accepted < 0 && errno == EAGAIN);
	close(fd);
	return accepted;
}

/* Both ends, until both are up or gone. */
static void meet(void)
{
	const struct gw_peer_callbacks c = {on_up, on_message, on_gone, &client};
	const struct gw_peer_callbacks s = {on_up, on_message, on_gone, &server};
	struct gw_err err = {.text = ""};
	char address[64];
	int fd = listener(address);

	client.conf.expect = "b";
	CU_ASSERT_EQUAL_FATAL(gw_peer_connect(&client.conf, address, &c, &client.peer, &err), 0);
	CU_ASSERT_EQUAL_FATAL(
		gw_peer_accept(&server.conf, take_one(fd), "it", &s, &server.peer, &err), 0);
	run(10000);
}

static void part(void)
{
	gw_peer_free(&client.peer);
	gw_peer_free(&server.peer);
}

static void expect(bool together, const char *client_says, const char *server_says)
{
	bool good = together ? client.up && server.up
			     : client.gone && server.gone && !server.up &&
				       strstr(client.reason, client_says) != NULL &&
				       strstr(server.reason, server_says) != NULL;

	if (!good)
		fprintf(stderr, "client %s \"%s\", server %s \"%s\"\n", client.up ? "up" : "down",
			client.reason, server.up ? "up" : "down", server.reason);
	CU_ASSERT(good);
}

static void test_hello(void)
{
	for (int secure = 0; secure < 2; secure++) {
		uint8_t secret[2][32];

		prepare(&client, "a", secure ? tls[A] : NULL);
		prepare(&server, "b", secure ? tls[B] : NULL);
		meet();
		expect(true, "", "");
		CU_ASSERT_STRING_EQUAL(gw_peer_name(client.peer), "b");
		CU_ASSERT_STRING_EQUAL(gw_peer_name(server.peer), "a");
		CU_ASSERT_EQUAL(gw_peer_protocol(client.peer), GW_MESSAGE_VERSION);
		CU_ASSERT_EQUAL(gw_peer_protocol(server.peer), GW_MESSAGE_VERSION);
		CU_ASSERT_EQUAL(gw_peer_secure(server.peer), secure == 1);
		CU_ASSERT_EQUAL(gw_peer_certificate_left_s(server.peer) == INT64_MAX, secure == 0);
		CU_ASSERT_EQUAL(gw_peer_export(client.peer, "EXPORTER-x", secret[0], 32),
			secure ? 0 : -ENOTSUP);
		CU_ASSERT_EQUAL(gw_peer_export(server.peer, "EXPORTER-x", secret[1], 32),
			secure ? 0 : -ENOTSUP);
		CU_ASSERT(!secure || memcmp(secret[0], secret[1], 32) == 0);
		part();
	}
}

/* Each end says what is wrong, in words. */
static void test_turned_away(void)
{
	prepare(&client, "a", tls[A]);
	prepare(&server, "b", tls[B]);
	server.turns_away = "is not welcome";
	meet();
	expect(false, "it refuses this host: 'a' is not welcome", "'a' is not welcome");
	part();
	/* One that borrows another's name. */
	prepare(&client, "c", tls[A]);
	prepare(&server, "b", tls[B]);
	meet();
	expect(false, "it refuses this host: it calls itself 'c', its certificate is for a",
		"it calls itself 'c', its certificate is for a");
	part();
	/* A program's name is no host's. */
	prepare(&client, "godwit-bench", tls[A]);
	prepare(&server, "godwit-bench", tls[B]);
	client.conf.nameless = server.conf.nameless = true;
	meet();
	expect(true, "", "");
	part();
	prepare(&client, "a", tls[OTHER]);
	prepare(&server, "b", tls[B]);
	meet();
	expect(false, "its tls.ca does not have the authority", "unable to get local issuer");
	part();
	prepare(&client, "a", tls[A]);
	prepare(&server, "b", tls[OTHER]);
	meet();
	expect(false, "unable to get local issuer", "its tls.ca does not have the authority");
	part();
}

/* Later on, too. */
static void test_refused_later(void)
{
	prepare(&client, "a", tls[A]);
	prepare(&server, "b", tls[B]);
	meet();
	expect(true, "", "");
	gw_peer_refuse(server.peer, "its certificate was revoked");
	for (int i = 0; i < 3 && !(client.gone && server.gone); i++)
		run(5000);
	CU_ASSERT(client.gone && server.gone);
	CU_ASSERT_STRING_EQUAL(client.reason, "it refuses this host: its certificate was revoked");
	part();
}

static void test_other_setting(void)
{
	prepare(&client, "a", NULL);
	prepare(&server, "b", tls[B]);
	meet();
	expect(false,
		"it refuses this host: you speak in the clear: `security` is on here and off there",
		"it speaks in the clear: `security` is off there and on here");
	part();
	prepare(&client, "a", tls[A]);
	prepare(&server, "b", NULL);
	meet();
	expect(false, "it speaks in the clear: `security` is off there and on here",
		"it speaks TLS: `security` is on there and off here");
	part();
}

/* ---- a made-up peer, in the clear ---- */

static struct gw_message_reader *reader;

static void say(int fd, const char *text)
{
	uint32_t n = htonl((uint32_t)strlen(text));

	CU_ASSERT_EQUAL(write(fd, &n, 4), 4);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* The next message that came; its version, or 0 where there is none. */
static uint64_t hear(int fd, enum gw_message_type *type, json_t **body)
{
	struct gw_err err;
	uint64_t v = 0;
	size_t room;
	uint8_t *at;
	ssize_t n;

	*body = NULL;
	for (int i = 0; i < 50 && gw_message_next(reader, type, body, &err) == 0; i++) {
		run(10);
		CU_ASSERT_EQUAL_FATAL(gw_message_reader_room(reader, &at, &room), 0);
		n = recv(fd, at, room, MSG_DONTWAIT);
		if (n > 0)
			gw_message_reader_got(reader, (size_t)n);
	}
	if (*body != NULL)
		gw_message_u64(*body, "v", UINT32_MAX, &v);
	return v;
}

static int made_up(void)
{
	const struct gw_peer_callbacks s = {on_up, on_message, on_gone, &server};
	struct gw_err err;
	int fd[2];

	prepare(&client, "a", NULL);
	client.gone = true; /* there is none */
	prepare(&server, "b", NULL);
	CU_ASSERT_EQUAL_FATAL(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	CU_ASSERT_EQUAL_FATAL(
		gw_peer_accept(&server.conf, fd[0], "made up", &s, &server.peer, &err), 0);
	CU_ASSERT_EQUAL_FATAL(gw_message_reader_create(&reader), 0);
	return fd[1];
}

static void unmake(int fd)
{
	close(fd);
	gw_peer_free(&server.peer);
	gw_message_reader_free(&reader);
}

#define HOST \
	"\"host\":{\"integrity\":\"none\",\"cores\":1,\"ports\":[]},\"abi\":1,\"version\":\"0\""

/* The version before: hello without "protocol", and nothing of what it does not know. */
static void test_version_before(void)
{
	enum gw_message_type type;
	json_t *body;
	int fd = made_up();

	say(fd, "{\"v\":1,\"type\":\"hello\",\"name\":\"a\"," HOST "}");
	CU_ASSERT_EQUAL(hear(fd, &type, &body), GW_MESSAGE_OLDEST);
	CU_ASSERT_EQUAL(type, GW_MESSAGE_HELLO);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(body, "name")), "b");
	json_decref(body);
	CU_ASSERT(server.up);
	CU_ASSERT_EQUAL(gw_peer_protocol(server.peer), GW_MESSAGE_OLDEST);
	say(fd, "{\"v\":1,\"type\":\"go\",\"later\":1}");
	say(fd, "{\"v\":1,\"type\":\"ping\",\"t\":7}");
	do {
		CU_ASSERT_EQUAL(hear(fd, &type, &body), GW_MESSAGE_OLDEST);
		json_decref(body);
	} while (type == GW_MESSAGE_PING);
	CU_ASSERT_EQUAL(type, GW_MESSAGE_PONG);
	gw_peer_refuse(server.peer, "enough");
	CU_ASSERT_EQUAL(hear(fd, &type, &body), 0);
	unmake(fd);
}

/* One that is newer speaks ours. */
static void test_version_after(void)
{
	enum gw_message_type type;
	json_t *body;
	int fd = made_up();

	say(fd, "{\"v\":2,\"type\":\"hello\",\"protocol\":3,\"name\":\"a\"," HOST ",\"new\":[]}");
	CU_ASSERT_EQUAL(hear(fd, &type, &body), GW_MESSAGE_VERSION);
	CU_ASSERT_EQUAL(type, GW_MESSAGE_HELLO);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(body, "protocol")), GW_MESSAGE_VERSION);
	json_decref(body);
	CU_ASSERT_EQUAL(gw_peer_protocol(server.peer), GW_MESSAGE_VERSION);
	gw_peer_refuse(server.peer, "enough");
	do {
		CU_ASSERT_EQUAL(hear(fd, &type, &body), GW_MESSAGE_VERSION);
		json_decref(body);
	} while (type == GW_MESSAGE_PING);
	CU_ASSERT_EQUAL(type, GW_MESSAGE_BYE);
	unmake(fd);
}

/* Two versions apart is too far. */
static void test_versions_apart(void)
{
	int fd = made_up();

	say(fd, "{\"v\":3,\"type\":\"hello\",\"protocol\":4,\"name\":\"a\"," HOST "}");
	run(200);
	CU_ASSERT(server.gone && strstr(server.reason, "message version is none of 1..2") != NULL);
	unmake(fd);
	fd = made_up();
	say(fd, "{\"v\":1,\"type\":\"hello\",\"protocol\":0,\"name\":\"a\"," HOST "}");
	run(200);
	CU_ASSERT(server.gone && strstr(server.reason, "its hello is not valid") != NULL);
	unmake(fd);
}

/* Who keeps talking without saying hello is not waited for. */
static void test_no_hello(void)
{
	const struct gw_peer_callbacks s = {on_up, on_message, on_gone, &server};
	struct gw_err err;
	int fd[2];

	prepare(&client, "a", NULL);
	client.gone = true;
	prepare(&server, "b", NULL);
	server.conf.timeout_ns = GW_NS_PER_MS;
	CU_ASSERT_EQUAL_FATAL(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	CU_ASSERT_EQUAL_FATAL(
		gw_peer_accept(&server.conf, fd[0], "silent", &s, &server.peer, &err), 0);
	run(5000);
	CU_ASSERT(server.gone && strstr(server.reason, "silent for ") != NULL);
	gw_peer_free(&server.peer);
	close(fd[1]);
}

/* A host that comes late to its own timer reads first what the peer has said meanwhile. */
static void test_late_itself(void)
{
	prepare(&client, "a", tls[A]);
	prepare(&server, "b", tls[B]);
	meet();
	expect(true, "", "");
	gw_peer_send(client.peer, GW_MESSAGE_GO, NULL);
	server.peer->heard_ns -= 2 * server.conf.timeout_ns;
	on_timer(server.peer);
	CU_ASSERT(!server.peer->ended);
	/* Nothing waits now. */
	server.peer->heard_ns -= 2 * server.conf.timeout_ns;
	on_timer(server.peer);
	run(200);
	CU_ASSERT(server.gone && strstr(server.reason, "silent for ") != NULL);
	part();
}

int main(void)
{
	CU_TestInfo tests[] = {{"hello", test_hello}, {"turned away", test_turned_away},
		{"refused later", test_refused_later}, {"other setting", test_other_setting},
		{"version before", test_version_before}, {"version after", test_version_after},
		{"versions apart", test_versions_apart}, {"no hello", test_no_hello},
		{"late itself", test_late_itself}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"peer", setup, teardown, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	signal(SIGPIPE, SIG_IGN);
	if (pki_make() != 0)
		return 1;
	return run_suites(suites);
}
