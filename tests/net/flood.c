/* SPDX-License-Identifier: BSD-3-Clause */
/* Floods a UDP port with garbage from a network interface, until it is ended; then prints how many
 * frames went out. Part of it is noise, part looks like godwit's packets from a known peer, up to
 * the key id. Usage: flood INTERFACE MAC FROM_IP TO_IP UDP_PORT PACKETS_PER_S FRAME_BYTES */
#include "../../dataplane/base/clock.h"
#include "../../dataplane/wire/bytes.h"
#include "../../dataplane/wire/wire.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64u
#define FRAME_MAX 1514u
#define HEADERS GW_WIRE_L2_TO_UDP

static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

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

int main(int argc, char **argv)
{
	static uint8_t frame[BATCH][FRAME_MAX];
	static struct iovec iov[BATCH];
	static struct mmsghdr msg[BATCH];
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	uint64_t rate, start_ns, sent = 0;
	unsigned int mac[6];
	struct in_addr from_ip, to_ip;
	uint32_t bytes;
	int fd, one = 1;

	if (argc != 8 ||
		sscanf(argv[2], "%x:%x:%x:%x:%x:%x", mac, mac + 1, mac + 2, mac + 3, mac + 4,
			mac + 5) != 6 ||
		inet_pton(AF_INET, argv[3], &from_ip) != 1 ||
		inet_pton(AF_INET, argv[4], &to_ip) != 1) {
		fprintf(stderr, "usage: flood INTERFACE MAC FROM_IP TO_IP UDP_PORT PACKETS_PER_S "
				"FRAME_BYTES\n");
		return 2;
	}
	rate = strtoull(argv[6], NULL, 10);
	bytes = (uint32_t)strtoul(argv[7], NULL, 10);
	if (rate == 0 || bytes < HEADERS + 64 || bytes > FRAME_MAX) {
		fprintf(stderr, "flood: a rate of 1 and more, frames of %u to %u bytes\n",
			HEADERS + 64, FRAME_MAX);
		return 2;
	}
	for (unsigned int n = 0; n < BATCH; n++) {
		for (unsigned int i = 0; i < 6; i++)
			frame[n][i] = (uint8_t)mac[i];
		frame[n][6] = 2;
		frame[n][11] = 0xee;
		fill_ip(frame[n], &from_ip, &to_ip, (uint16_t)atoi(argv[5]), bytes);
		fill_packet(frame[n] + HEADERS, bytes - HEADERS, n);
		iov[n] = (struct iovec){frame[n], bytes};
		msg[n].msg_hdr.msg_iov = &iov[n];
		msg[n].msg_hdr.msg_iovlen = 1;
	}
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (fd < 0 || to.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) != 0) {
		perror(argv[1]);
		return 1;
	}
	signal(SIGTERM, end);
	signal(SIGINT, end);
	start_ns = gw_now_ns();
	for (uint64_t due = 0; !ended;) {
		const struct timespec nap = {.tv_nsec = 100000};
		int n;

		if (sent >= due) {
			nanosleep(&nap, NULL);
			due = (uint64_t)((double)(gw_now_ns() - start_ns) * (double)rate / 1e9);
			/* What was not sent in its time is left out, not made up for at once. */
			if (due > sent + rate / 50) {
				start_ns =
					gw_now_ns() - (uint64_t)((double)sent * 1e9 / (double)rate);
				due = sent + BATCH;
			}
			continue;
		}
		n = sendmmsg(fd, msg, BATCH, 0);
		if (n > 0)
			sent += (uint64_t)n;
		else
			due = sent;
	}
	printf("%llu\n", (unsigned long long)sent);
	return 0;
}
