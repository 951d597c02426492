/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet, IPv4, UDP and ARP around godwit's packets: templates that are copied in front of each,
 * and the checks of what comes in. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_FRAME_HEADER 42u /* Ethernet 14, IPv4 20, UDP 8 */
#define GW_FRAME_ETHERNET 14u
#define GW_FRAME_IPV4 20u /* without options */
#define GW_FRAME_ARP 42u

struct gw_frame_template {
	uint8_t bytes[GW_FRAME_HEADER];
	uint32_t ip_sum; /* of the IPv4 header's words without the total length */
};

void gw_frame_template(struct gw_frame_template *t, const uint8_t *from_mac, const uint8_t *to_mac,
	uint32_t from_ip, uint32_t to_ip, uint16_t from_port, uint16_t to_port);

/* Makes its packets ECN-capable: ECT(0), RFC 3168. For the frames that a rate model answers for. */
void gw_frame_template_ect(struct gw_frame_template *t);

/* Writes the headers for a UDP payload of len bytes. */
void gw_frame_put(uint8_t *out, const struct gw_frame_template *t, uint32_t len);

enum gw_frame_kind {
	GW_FRAME_UDP,     /* ours: payload and len are set */
	GW_FRAME_ARP_IN,  /* ARP, IPv4 over Ethernet */
	GW_FRAME_OTHER,   /* not for us */
	GW_FRAME_INVALID, /* lengths or header checksum are wrong */
};
struct gw_frame_in {
	const uint8_t *payload;
	uint32_t len;
	uint32_t from_ip;
	uint16_t from_port, to_port;
	bool ce; /* a queue on the way was long: ECN's congestion experienced */
};
/* Checks a frame of len bytes that came in on the port with address ip. */
enum gw_frame_kind gw_frame_parse(
	const uint8_t *frame, size_t len, uint32_t ip, struct gw_frame_in *in);

/* Turns a received UDP frame around in place: addresses and ports swap, the UDP payload has len
 * bytes, ECN says nothing. */
void gw_frame_turn(uint8_t *frame, const uint8_t *own_mac, uint32_t len);

/* ARP (RFC 826): request for ip; answer to a request in place; sender of a packet. */
void gw_frame_arp_request(uint8_t *out, const uint8_t *own_mac, uint32_t own_ip, uint32_t ip);
bool gw_frame_arp_wants(const uint8_t *frame, uint32_t own_ip);
void gw_frame_arp_answer(uint8_t *frame, const uint8_t *own_mac, uint32_t own_ip);
uint32_t gw_frame_arp_sender(const uint8_t *frame, const uint8_t **mac);
