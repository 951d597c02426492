/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A switch between two hosts' memif ports that passes on what they send each other, and on demand
 * adds garbage to what goes to the second: part of it noise, part like godwit's packets from the
 * first host, up to the key id. What the port does not take is lost, as in a switch.
 *
 * Usage: flood PACKETS_PER_S FRAME_BYTES SOCKET_A,SOCKET_B,FROM_IP,TO_IP[,OPTION=VALUE...]...
 * One cable each: host A is client of the first socket, host B of the second; options are memif's
 * (bsize, rsize). Then a UDP port a line on standard input: garbage goes to it from now on,
 * 0: nowhere. The answer to each is the number of frames of garbage sent until then.
 */
#include "../../dataplane/base/clock.h"
#include "../../dataplane/wire/bytes.h"
#include "../../dataplane/wire/wire.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define BURST 32u
#define CABLES 8u
#define FRAME_MAX 1514u
#define FRAME_ROOM 10240u
#define HEADERS GW_WIRE_L2_TO_UDP
#define COMMAND_NS (10 * GW_NS_PER_MS)

/* One way through the switch. */
struct way {
	uint16_t from, to; /* ethdevs */
	uint16_t n_held;
	struct rte_mbuf *held[BURST];
};

struct cable {
	struct way there, back;
	struct in_addr from_ip, to_ip;
	uint8_t mac[6]; /* of host B's port: known once it has sent something */
	uint64_t start_ns, due;
};

struct flood {
	struct rte_mempool *pool;
	struct cable cable[CABLES];
	uint8_t frame[BURST][FRAME_MAX];
	uint64_t rate, sent;
	uint32_t n_cables, bytes;
	uint16_t udp_port; /* 0: quiet */
};

static void fill_ip(uint8_t *frame, const struct in_addr *from, const struct in_addr *to,
	uint16_t port, uint32_t bytes)
{
	uint8_t *ip = frame + 14, *udp = ip + 20;
	uint32_t sum = 0;

	gw_put16(frame + 12, ETHERTYPE_IP);
	ip[0] = 0x45;
	gw_put16(ip + 2, (uint16_t)(bytes - 14));
	gw_put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, from, 4);
	memcpy(ip + 16, to, 4);
	gw_put16(ip + 10, 0); /* there is an older one */
	for (unsigned int i = 0; i < 20; i += 2)
		sum += gw_get16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	gw_put16(ip + 10, (uint16_t) ~(sum + (sum >> 16)));
	gw_put16(udp, GW_WIRE_UDP_PORT);
	gw_put16(udp + 2, port);
	gw_put16(udp + 4, (uint16_t)(bytes - 34));
}

/* Three of four pass everything that does not need the key id. */
static void fill_packet(uint8_t *packet, uint32_t bytes, unsigned int n)
{
	for (uint32_t i = 0; i < bytes; i++)
		packet[i] = (uint8_t)rand();
	if (n % 4 == 0)
		return;
	packet[0] = (uint8_t)(GW_WIRE_VERSION << 4 | (n % 4 == 1 ? GW_WIRE_PROBE : GW_WIRE_DATA));
	packet[1] = GW_WIRE_AEAD;
	gw_put16(packet + 2, (uint16_t)(n / 4 % 2));
	if (n % 4 != 1)
		gw_put16(packet + 26,
			(uint16_t)(bytes - sizeof(struct gw_wire_data) - GW_WIRE_TAG_BYTES));
}

/* EAL's memif device of one end; the argument text must stay. */
static void add_device(
	char **argv, int *argc, uint32_t cable, bool b, const char *socket, const char *options)
{
	char *text;

	if (asprintf(&text, "--vdev=net_memif%u,role=server,id=%u,socket=%s,socket-abstract=no%s%s",
		    2 * cable + b, cable, socket, options != NULL ? "," : "",
		    options != NULL ? options : "") < 0)
		exit(1);
	argv[(*argc)++] = text;
}

static bool parse_cable(struct flood *f, char *text, char **argv, int *argc)
{
	struct cable *c = &f->cable[f->n_cables];
	char *part[4];

	for (unsigned int i = 0; i < 4; i++)
		part[i] = strsep(&text, ",");
	if (part[3] == NULL || inet_pton(AF_INET, part[2], &c->from_ip) != 1 ||
		inet_pton(AF_INET, part[3], &c->to_ip) != 1)
		return false;
	add_device(argv, argc, f->n_cables, false, part[0], text);
	add_device(argv, argc, f->n_cables++, true, part[1], text);
	return true;
}

static int start_port(uint32_t number, struct rte_mempool *pool, uint16_t *port)
{
	const struct rte_eth_conf conf = {.rxmode = {.mq_mode = RTE_ETH_MQ_RX_NONE}};
	char name[32];

	snprintf(name, sizeof(name), "net_memif%u", number);
	if (rte_eth_dev_get_port_by_name(name, port) != 0 ||
		rte_eth_dev_configure(*port, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(*port, 0, 256, SOCKET_ID_ANY, NULL, pool) != 0 ||
		rte_eth_tx_queue_setup(*port, 0, 256, SOCKET_ID_ANY, NULL) != 0 ||
		rte_eth_dev_start(*port) != 0) {
		fprintf(stderr, "flood: %s does not start\n", name);
		return -1;
	}
	return 0;
}

static int start(struct flood *f, int argc, char **argv)
{
	cpu_set_t cpus;

	/* EAL binds the thread to one CPU; the hosts' poll cores take turns with this on all. */
	pthread_getaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	if (rte_eal_init(argc, argv) < 0)
		return -1;
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	f->pool = rte_pktmbuf_pool_create(
		"flood", 4095, 64, 0, FRAME_ROOM + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	if (f->pool == NULL)
		return -1;
	for (uint32_t i = 0; i < f->n_cables; i++) {
		struct cable *c = &f->cable[i];

		if (start_port(2 * i, f->pool, &c->there.from) != 0 ||
			start_port(2 * i + 1, f->pool, &c->there.to) != 0)
			return -1;
		c->back.from = c->there.to;
		c->back.to = c->there.from;
	}
	return 0;
}

static void drain(struct way *w)
{
	uint16_t n = rte_eth_tx_burst(w->to, 0, w->held, w->n_held);

	w->n_held = (uint16_t)(w->n_held - n);
	memmove(w->held, w->held + n, w->n_held * sizeof(w->held[0]));
}

/* Frames passed on; sender: where the last one came from. */
static uint16_t pass(struct way *w, uint8_t *sender)
{
	uint16_t n;

	if (w->n_held != 0)
		drain(w);
	if (w->n_held != 0)
		return 0;
	n = rte_eth_rx_burst(w->from, 0, w->held, BURST);
	if (n != 0 && sender != NULL)
		memcpy(sender, rte_pktmbuf_mtod_offset(w->held[n - 1], uint8_t *, 6), 6);
	w->n_held = n;
	if (n != 0)
		drain(w);
	return n;
}

static void write_frames(struct flood *f, const struct cable *c)
{
	for (unsigned int n = 0; n < BURST; n++) {
		memcpy(f->frame[n], c->mac, 6);
		f->frame[n][6] = 2;
		f->frame[n][11] = 0xee;
		fill_ip(f->frame[n], &c->from_ip, &c->to_ip, f->udp_port, f->bytes);
	}
}

static void add_garbage(struct flood *f, struct cable *c, uint64_t now_ns)
{
	static const uint8_t nobody[6];
	struct rte_mbuf *m[BURST];
	uint16_t n;

	/* What was not sent in its time is left out, not made up for at once. */
	if ((now_ns - c->start_ns) * f->rate / GW_NS_PER_S > c->due + f->rate / 50)
		c->due = (now_ns - c->start_ns) * f->rate / GW_NS_PER_S - BURST;
	if ((now_ns - c->start_ns) * f->rate / GW_NS_PER_S < c->due + BURST ||
		memcmp(c->mac, nobody, 6) == 0 || rte_pktmbuf_alloc_bulk(f->pool, m, BURST) != 0)
		return;
	write_frames(f, c);
	for (unsigned int i = 0; i < BURST; i++)
		memcpy(rte_pktmbuf_append(m[i], (uint16_t)f->bytes), f->frame[i], f->bytes);
	n = rte_eth_tx_burst(c->there.to, 0, m, BURST);
	rte_pktmbuf_free_bulk(m + n, BURST - n);
	c->due += BURST;
	f->sent += n;
}

/* False at the end of the input. */
static bool obey(struct flood *f, uint64_t now_ns)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[32];

	if (poll(&in, 1, 0) <= 0)
		return true;
	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	f->udp_port = (uint16_t)strtoul(line, NULL, 10);
	for (uint32_t i = 0; i < f->n_cables; i++) {
		f->cable[i].start_ns = now_ns;
		f->cable[i].due = 0;
	}
	printf("%llu\n", (unsigned long long)f->sent);
	fflush(stdout);
	return true;
}

static void run(struct flood *f)
{
	const struct timespec nap = {.tv_nsec = 20000};
	uint64_t looked_ns = 0;

	/* A switch does not wait for its hosts' CPUs. */
	if (sched_setscheduler(0, SCHED_RR, &(struct sched_param){.sched_priority = 1}) != 0)
		perror("flood: SCHED_RR");
	prctl(PR_SET_TIMERSLACK, 1000);
	for (;;) {
		uint64_t now_ns = gw_now_ns();
		uint16_t n = 0;

		if (now_ns - looked_ns > COMMAND_NS) {
			looked_ns = now_ns;
			if (!obey(f, now_ns))
				return;
		}
		for (uint32_t i = 0; i < f->n_cables; i++) {
			n = (uint16_t)(n + pass(&f->cable[i].there, NULL));
			n = (uint16_t)(n + pass(&f->cable[i].back, f->cable[i].mac));
			if (f->udp_port != 0)
				add_garbage(f, &f->cable[i], now_ns);
		}
		if (n == 0)
			nanosleep(&nap, NULL);
	}
}

int main(int argc, char **argv)
{
	static struct flood f;
	static char *eal[8 + 2 * CABLES] = {"flood", "--no-huge", "--no-shconf", "--no-pci",
		"--no-telemetry", "--iova-mode=va", "-m256", "--log-level=*:error"};
	int n_eal = 8;

	if (argc < 4 || argc - 3 > (int)CABLES) {
		fprintf(stderr, "usage: flood PACKETS_PER_S FRAME_BYTES "
				"SOCKET_A,SOCKET_B,FROM_IP,TO_IP[,OPTION=VALUE...]...\n");
		return 2;
	}
	f.rate = strtoull(argv[1], NULL, 10);
	f.bytes = (uint32_t)strtoul(argv[2], NULL, 10);
	if (f.rate == 0 || f.bytes < HEADERS + 64 || f.bytes > FRAME_MAX) {
		fprintf(stderr, "flood: a rate of 1 and more, frames of %u to %u bytes\n",
			HEADERS + 64, FRAME_MAX);
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		if (!parse_cable(&f, argv[i], eal, &n_eal)) {
			fprintf(stderr, "flood: no cable: %s\n", argv[i]);
			return 2;
		}
	}
	for (unsigned int n = 0; n < BURST; n++)
		fill_packet(f.frame[n] + HEADERS, f.bytes - HEADERS, n);
	if (start(&f, n_eal, eal) != 0)
		return 1;
	run(&f);
	return 0;
}
