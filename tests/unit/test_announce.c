/* SPDX-License-Identifier: BSD-3-Clause */
/* control/announce/: addresses, frames byte by byte, and what arrives at the other end of a veth.
 */
#include "../../control/announce/announcer.h"
#include "../../control/announce/frame.h"
#include "run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAC "52:54:00:12:34:56"

static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
static const uint8_t ipv4[4] = {192, 0, 2, 7};
static const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};

static const uint8_t rarp[60] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff,             /* to all */
	0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0x80, 0x35, /* from it, RARP */
	0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x03, /* request reverse */
	0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0, 0, 0, 0, /* sender */
	0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0, 0, 0, 0, /* target */
};
static const uint8_t arp[60] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff,                      /* to all */
	0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0x08, 0x06,          /* from it, ARP */
	0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,          /* request */
	0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0xc0, 0x00, 0x02, 7, /* sender */
	0, 0, 0, 0, 0, 0, 0xc0, 0x00, 0x02, 7,                   /* target */
};
/* Its checksum was worked out apart from this program. */
static const uint8_t na[86] = {
	0x33, 0x33, 0, 0, 0, 1, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0x86, 0xdd, /* all nodes */
	0x60, 0, 0, 0, 0, 32, 58, 255,                                          /* ICMPv6 */
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,             /* from */
	0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,                   /* to */
	136, 0, 0x74, 0x63, 0x20, 0, 0, 0,                                      /* override */
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,             /* target */
	2, 1, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56,                               /* its address */
};

static struct gw_err err;

static bool same(const uint8_t *got, const uint8_t *wanted, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (got[i] != wanted[i]) {
			fprintf(stderr, "byte %zu: %02x, wanted %02x\n", i, got[i], wanted[i]);
			return false;
		}
	}
	return true;
}

static void test_frames(void)
{
	uint8_t out[GW_ANNOUNCE_FRAME];

	memset(out, 0xee, sizeof(out)); /* the padding is zeros */
	CU_ASSERT_EQUAL(gw_announce_rarp(mac, out), sizeof(rarp));
	CU_ASSERT(same(out, rarp, sizeof(rarp)));
	memset(out, 0xee, sizeof(out));
	CU_ASSERT_EQUAL(gw_announce_arp(mac, ipv4, out), sizeof(arp));
	CU_ASSERT(same(out, arp, sizeof(arp)));
	memset(out, 0xee, sizeof(out));
	CU_ASSERT_EQUAL(gw_announce_na(mac, ipv6, out), sizeof(na));
	CU_ASSERT(same(out, na, sizeof(na)));
}

static void test_addresses(void)
{
	static const char *const bad[] = {"", "52:54:00:12:34", "52:54:00:12:34:5g",
		"52:54:00:12:34:56:78", "52-54-00-12-34-56", "53:54:00:12:34:56",
		"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", " " MAC, MAC " ", MAC ",", MAC ",x",
		MAC ",0.0.0.0", MAC ",127.0.0.1", MAC ",224.0.0.1", MAC ",255.255.255.255",
		MAC ",192.0.2", MAC ",::", MAC ",::1", MAC ",ff02::1", MAC ",::ffff:192.0.2.1",
		MAC ",1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5", MAC ",192.0.2.1/24"};
	struct gw_announce_nic nic = {.mac = {1}};
	char text[GW_ANNOUNCE_NIC_TEXT], longest[600];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (gw_announce_parse(bad[i], &nic) != -EINVAL)
			fprintf(stderr, "'%s' is taken\n", bad[i]);
		CU_ASSERT_EQUAL(gw_announce_parse(bad[i], &nic), -EINVAL);
	}
	memset(longest, '1', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	CU_ASSERT_EQUAL(gw_announce_parse(longest, &nic), -EINVAL);
	CU_ASSERT_EQUAL(nic.mac[0], 1);

	CU_ASSERT_EQUAL(
		gw_announce_parse("52:54:00:12:34:56,192.0.2.7,2001:DB8::7,10.0.0.1", &nic), 0);
	CU_ASSERT_EQUAL(memcmp(nic.mac, mac, 6), 0);
	CU_ASSERT_EQUAL(nic.n_ipv4, 2);
	CU_ASSERT_EQUAL(memcmp(nic.ipv4[0], ipv4, 4), 0);
	CU_ASSERT_EQUAL(nic.n_ipv6, 1);
	CU_ASSERT_EQUAL(memcmp(nic.ipv6[0], ipv6, 16), 0);
	gw_announce_print(&nic, text);
	CU_ASSERT_STRING_EQUAL(text, MAC ",192.0.2.7,10.0.0.1,2001:db8::7");
	/* The longest that there is. */
	snprintf(longest, sizeof(longest),
		"%s,100.100.100.100,100.100.100.101,100.100.100.102,100.100.100.103,%s1,%s2,%s3,%"
		"s4",
		MAC, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff",
		"2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff",
		"2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff");
	CU_ASSERT_EQUAL(gw_announce_parse(longest, &nic), 0);
	gw_announce_print(&nic, text);
	CU_ASSERT_STRING_EQUAL(text, longest);
}

static void test_lists(void)
{
	struct gw_announce_nics nics = {.n = 99}, again;
	json_t *list = json_pack("[s, s]", MAC, "52:54:00:12:34:57,192.0.2.8"), *back;

	CU_ASSERT_EQUAL(gw_announce_from_json(NULL, &nics), 0);
	CU_ASSERT_EQUAL(nics.n, 0);
	CU_ASSERT_EQUAL(gw_announce_from_json(list, &nics), 0);
	CU_ASSERT_EQUAL(nics.n, 2);
	back = gw_announce_to_json(&nics);
	CU_ASSERT(json_equal(list, back));
	CU_ASSERT_EQUAL(gw_announce_from_json(back, &again), 0);
	CU_ASSERT_EQUAL(memcmp(&nics, &again, sizeof(nics)), 0);
	for (int i = 0; i < 6; i++)
		json_array_append_new(list, json_string(MAC));
	CU_ASSERT_EQUAL(gw_announce_from_json(list, &nics), 0);
	json_array_append_new(list, json_string(MAC));
	CU_ASSERT_EQUAL(gw_announce_from_json(list, &nics), -EINVAL);
	json_array_clear(list);
	json_array_append_new(list, json_integer(1));
	CU_ASSERT_EQUAL(gw_announce_from_json(list, &nics), -EINVAL);
	json_decref(list);
	json_decref(back);
	list = json_string(MAC);
	CU_ASSERT_EQUAL(gw_announce_from_json(list, &nics), -EINVAL);
	json_decref(list);
}

/* As QEMU with its defaults. */
static void test_delays(void)
{
	static const uint32_t wanted[] = {50, 150, 250, 350, 450, 550, 550, 550};
	struct gw_announce_conf conf = {"x", 5, 50, 100, 550};

	for (uint32_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		CU_ASSERT_EQUAL(gw_announce_delay_ms(&conf, i + 1), wanted[i]);
	conf.step_ms = 10000;
	CU_ASSERT_EQUAL(gw_announce_delay_ms(&conf, 1000000), 550);
}

/* ---- on a wire ---- */

static struct gw_loop *loop;
static int listener;
static uint32_t frames, strange, enough;

static void on_frame(void *ctx, uint32_t events)
{
	const uint8_t *const wanted[] = {rarp, arp, na};
	static const ssize_t sizes[] = {sizeof(rarp), sizeof(arp), sizeof(na)};
	uint8_t got[2048];
	ssize_t n = recv(listener, got, sizeof(got), MSG_DONTWAIT);

	(void)ctx;
	(void)events;
	/* The kernel's own on a new interface come from other addresses. */
	if (n < 12 || memcmp(got + 6, mac, 5) != 0)
		return;
	if (n != sizes[frames % 3] || !same(got, wanted[frames % 3], (size_t)n))
		strange++;
	if (++frames == enough)
		gw_loop_stop(loop);
}

static void given_up(void *ctx)
{
	(void)ctx;
	fprintf(stderr, "%u frames, wanted %u\n", frames, enough);
	abort();
}

static void stop(void *ctx)
{
	(void)ctx;
	gw_loop_stop(loop);
}

static void listen_on(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name)};

	listener = socket(AF_PACKET, SOCK_RAW, 0);
	CU_ASSERT_FATAL(listener >= 0 && at.sll_ifindex != 0);
	CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
}

static void wait_frames(uint32_t n)
{
	struct gw_timer *patience = gw_timer_create(loop, given_up, NULL);

	enough = n;
	gw_timer_set(patience, 20000000000u, 0);
	if (frames < enough)
		gw_loop_run(loop);
	gw_timer_free(&patience);
}

/* No more come. */
static void wait_quiet(void)
{
	struct gw_timer *timer = gw_timer_create(loop, stop, NULL);

	enough = UINT32_MAX;
	gw_timer_set(timer, 100000000u, 0);
	gw_loop_run(loop);
	gw_timer_free(&timer);
}

/* A new interface drops what it is given until the kernel has noticed its carrier; the last command
 * waits for the one that does. */
static int make_wire(void)
{
	return system("ip link add gw-near type veth peer name gw-far && "
		      "ip link set gw-near up && ip link set gw-far up && "
		      "for i in $(seq 1000); do "
		      "[ $(ip -o link show | grep -c 'gw-.* state UP') = 2 ] && break; sleep 0.01; "
		      "done; ip link set gw-near up");
}

static void test_wire(void)
{
	struct gw_announce_conf conf = {"gw-near", 4, 1, 1, 2};
	struct gw_announcer *a = NULL;
	struct gw_announce_nics nics = {.n = 1};
	struct gw_watch *watch;

	if (unshare(CLONE_NEWNET) != 0 || make_wire() != 0) {
		fprintf(stderr, "\n    left out: no network namespace or no veth here ");
		return;
	}
	CU_ASSERT_EQUAL_FATAL(gw_loop_create(&loop), 0);
	conf.interface = "gw-none";
	CU_ASSERT_EQUAL(gw_announcer_create(loop, &conf, &a, &err), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "announce.interface: 'gw-none'"));
	conf.interface = "gw-near";
	CU_ASSERT_EQUAL_FATAL(gw_announcer_create(loop, &conf, &a, &err), 0);
	listen_on("gw-far");
	watch = gw_watch_add(loop, listener, EPOLLIN, on_frame, NULL);

	CU_ASSERT_EQUAL(gw_announce_parse(MAC ",192.0.2.7,2001:db8::7", &nics.nic[0]), 0);
	gw_announcer_begin(a, "vm1", "s", &nics);
	wait_frames(12); /* four rounds of three */
	wait_quiet();
	CU_ASSERT_EQUAL(frames, 12);
	CU_ASSERT_EQUAL(strange, 0);

	/* Of two of one VM the later; of a VM that leaves none. */
	gw_announcer_free(&a);
	conf.initial_ms = conf.max_ms = 10;
	CU_ASSERT_EQUAL_FATAL(gw_announcer_create(loop, &conf, &a, &err), 0);
	frames = 0;
	gw_announcer_begin(a, "vm1", "s", &nics);
	gw_announcer_begin(a, "vm1", "s", &nics);
	wait_frames(15);
	wait_quiet();
	CU_ASSERT_EQUAL(frames, 15);
	frames = 0;
	gw_announcer_begin(a, "vm1", "s", &nics);
	gw_announcer_end(a, "vm2");
	gw_announcer_end(a, "vm1");
	wait_quiet();
	CU_ASSERT_EQUAL(frames, 3);

	/* An interface that is gone is logged; one that is made anew is found. */
	frames = 0;
	CU_ASSERT_EQUAL(system("ip link del gw-near"), 0);
	gw_announcer_begin(a, "vm1", "s", &nics);
	gw_announcer_end(a, "vm1");
	gw_watch_free(&watch);
	close(listener);
	CU_ASSERT_EQUAL(make_wire(), 0);
	listen_on("gw-far");
	watch = gw_watch_add(loop, listener, EPOLLIN, on_frame, NULL);
	gw_announcer_begin(a, "vm1", "s", &nics);
	wait_frames(12);
	CU_ASSERT_EQUAL(strange, 0);
	gw_announcer_begin(NULL, "vm1", "s", &nics);
	gw_announcer_end(NULL, "vm1");
	gw_announcer_begin(a, "vm1", "s", &nics);
	gw_announcer_free(&a); /* in the middle */
	gw_watch_free(&watch);
	close(listener);
	gw_loop_free(&loop);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"frames", test_frames},
		{"addresses", test_addresses},
		{"lists", test_lists},
		{"delays", test_delays},
		{"on a wire", test_wire},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"announce", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
