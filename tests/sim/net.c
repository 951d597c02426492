/* SPDX-License-Identifier: BSD-3-Clause */
#include "net.h"

#include "../../dataplane/wire/bytes.h"
#include "../../dataplane/wire/wire.h"
#include "breaks.h"
#include "engine.h"

#include <stdlib.h>

#define MAX_QUEUES 16u
#define SMALL_ROOM 512u

/* Frames by time of arrival: a ring that is kept sorted, since most come in order. */
struct inbox {
	gw_packet **frame;
	uint32_t head, tail, size; /* free running; size is a power of two */
};

struct port {
	struct sim_port_conf conf;
	struct sim_port_counters count;
	struct sim_cable up, down;
	bool link_up;
	uint64_t busy_ns;  /* the line is taken until then */
	uint64_t *done_ns; /* when each frame of the transmit ring has left; ring */
	uint32_t done_head, done_tail;
	struct inbox inbox[MAX_QUEUES];
	uint64_t salt; /* of the hash */
};

static struct {
	struct port port[SIM_MAX_PORTS];
	uint16_t n;
	bool real_bytes;
	gw_packet *spare;
	void (*watch)(uint16_t port, const gw_packet *p);
	void (*wake)(uint16_t port, uint16_t queue, uint64_t at_ns);
} net;

gw_packet *sim_packet_alloc(void)
{
	gw_packet *p = net.spare;

	if (p != NULL)
		net.spare = p->next;
	else
		p = malloc(sizeof(*p) + (net.real_bytes ? SIM_PACKET_ROOM : SMALL_ROOM));
	if (p == NULL)
		abort();
	p->start = GW_PACKET_HEADROOM;
	p->bytes = p->tail_bytes = 0;
	p->tail = NULL;
	return p;
}

void sim_packet_free(gw_packet *p)
{
	p->next = net.spare;
	net.spare = p;
}

bool sim_packet_real_bytes(void)
{
	return net.real_bytes;
}

static void inbox_put(struct inbox *b, gw_packet *p)
{
	uint32_t i;

	if (b->tail - b->head == b->size) {
		uint32_t size = b->size == 0 ? 64 : b->size * 2;
		gw_packet **frame = malloc(size * sizeof(*frame));

		if (frame == NULL)
			abort();
		for (i = b->head; i != b->tail; i++)
			frame[i & (size - 1)] = b->frame[i & (b->size - 1)];
		free(b->frame);
		b->frame = frame;
		b->size = size;
	}
	for (i = b->tail++; i != b->head; i--) {
		gw_packet *left = b->frame[(i - 1) & (b->size - 1)];

		if (left->arrive_ns <= p->arrive_ns)
			break;
		b->frame[i & (b->size - 1)] = left;
	}
	b->frame[i & (b->size - 1)] = p;
}

static gw_packet *inbox_first(const struct inbox *b)
{
	return b->head != b->tail ? b->frame[b->head & (b->size - 1)] : NULL;
}

void sim_net_flush(uint16_t port)
{
	struct port *t = &net.port[port];

	for (uint32_t q = 0; q < MAX_QUEUES; q++) {
		struct inbox *b = &t->inbox[q];

		t->count.arriving -= b->tail - b->head;
		t->count.missed += b->tail - b->head;
		for (; b->head != b->tail; b->head++)
			sim_packet_free(b->frame[b->head & (b->size - 1)]);
	}
}

void sim_net_reset(bool real_bytes)
{
	for (uint16_t i = 0; i < net.n; i++) {
		sim_net_flush(i);
		for (uint32_t q = 0; q < MAX_QUEUES; q++)
			free(net.port[i].inbox[q].frame);
		free(net.port[i].done_ns);
	}
	memset(net.port, 0, sizeof(net.port));
	net.n = 0;
	while (net.real_bytes != real_bytes && net.spare != NULL) {
		gw_packet *p = net.spare;

		net.spare = p->next;
		free(p);
	}
	net.real_bytes = real_bytes;
}

uint16_t sim_net_add(const struct sim_port_conf *conf)
{
	struct port *t = &net.port[net.n];

	if (net.n == SIM_MAX_PORTS || conf->queues > MAX_QUEUES)
		abort();
	t->conf = *conf;
	t->up.conf = conf->up;
	t->down.conf = conf->down;
	t->link_up = true;
	t->salt = sim_random();
	t->done_ns = calloc(conf->tx_descriptors, sizeof(*t->done_ns));
	if (t->done_ns == NULL)
		abort();
	return net.n++;
}

uint16_t sim_net_ports(void)
{
	return net.n;
}

struct sim_cable *sim_net_up(uint16_t port)
{
	return &net.port[port].up;
}

struct sim_cable *sim_net_down(uint16_t port)
{
	return &net.port[port].down;
}

const struct sim_port_counters *sim_net_counters(uint16_t port)
{
	return &net.port[port].count;
}

void sim_net_link(uint16_t port, bool up)
{
	net.port[port].link_up = up;
}

void sim_net_watch(void (*fn)(uint16_t port, const gw_packet *p))
{
	net.watch = fn;
}

void sim_net_wake(void (*fn)(uint16_t port, uint16_t queue, uint64_t at_ns))
{
	net.wake = fn;
}

uint64_t sim_net_next_arrival(uint16_t port, uint16_t queue)
{
	const gw_packet *p = inbox_first(&net.port[port].inbox[queue]);

	return p != NULL ? p->arrive_ns : UINT64_MAX;
}

/* Receive side scaling: addresses and UDP ports; anything else goes to the first queue. */
static uint16_t queue_of(const struct port *t, const gw_packet *p)
{
	const uint8_t *frame = gw_packet_data(p);
	uint32_t header = sim_header(p);
	uint64_t h;

	if (t->conf.queues == 1 || header == 0)
		return 0;
	/* The ends of both addresses. */
	if (header == GW_FRAME_HEADER_V4)
		h = (uint64_t)gw_get32(frame + 26) << 32 | gw_get32(frame + 30);
	else
		h = gw_get64(frame + 30) << 1 ^ gw_get64(frame + 46);
	h = ((h ^ t->salt) ^ gw_get32(frame + header - 8)) * 0x9e3779b97f4a7c15u;
	return (uint16_t)((h >> 32) % t->conf.queues);
}

static void arrive(uint16_t port, gw_packet *p, uint64_t at_ns)
{
	struct port *t = &net.port[port];
	uint16_t q = queue_of(t, p);

	p->arrive_ns = at_ns;
	t->count.arriving++;
	inbox_put(&t->inbox[q], p);
	if (net.wake != NULL)
		net.wake(port, q, at_ns);
}

static gw_packet *twin_of(const gw_packet *p)
{
	gw_packet *twin = sim_packet_alloc();

	twin->start = p->start;
	twin->bytes = p->bytes;
	twin->tail = p->tail;
	twin->tail_bytes = p->tail_bytes;
	memcpy(twin->buffer, p->buffer, p->start + p->bytes - p->tail_bytes);
	return twin;
}

/* Through a port's cable, to what is at its end. */
static void pass(struct sim_cable *cable, uint16_t port, gw_packet *p, uint64_t at_ns,
	void (*out)(uint16_t port, gw_packet *p, uint64_t at_ns))
{
	uint64_t out_ns, twin_ns;

	switch (sim_cable_pass(cable, p, at_ns, &out_ns, &twin_ns)) {
	case SIM_LOST:
		sim_packet_free(p);
		return;
	case SIM_PASSES_TWICE:
		out(port, twin_of(p), twin_ns);
		/* fall through */
	case SIM_PASSES:
		out(port, p, out_ns);
		return;
	}
}

static void come_down(uint16_t port, gw_packet *p, uint64_t at_ns)
{
	pass(&net.port[port].down, port, p, at_ns, arrive);
}

/* The segment hands a frame to who has its address; a broadcast to all but the sender. */
static void spread(uint16_t from, gw_packet *p, uint64_t at_ns)
{
	struct port *s = &net.port[from];
	const uint8_t *to = gw_packet_data(p);
	bool all = to[0] & 1;
	uint32_t n = 0;

	for (uint16_t i = 0; i < net.n; i++) {
		const struct sim_port_conf *c = &net.port[i].conf;

		if (i == from || c->segment != s->conf.segment)
			continue;
		if (all) {
			s->count.copies += n++ != 0;
			come_down(i, twin_of(p), at_ns);
		} else if (memcmp(c->mac, to, 6) == 0) {
			come_down(i, p, at_ns);
			return;
		}
	}
	s->count.unknown += n == 0;
	sim_packet_free(p);
}

static void go_up(uint16_t port, gw_packet *p, uint64_t at_ns)
{
	pass(&net.port[port].up, port, p, at_ns, spread);
}

/* The driver copies what is in guest RAM when it takes the packet. */
static void take_tail(gw_packet *p)
{
	if (p->tail == NULL || !net.real_bytes)
		return;
	memcpy(gw_packet_data(p) + p->bytes - p->tail_bytes, p->tail, p->tail_bytes);
	p->tail = NULL;
	p->tail_bytes = 0;
}

uint16_t sim_port_transmit(uint16_t port, uint16_t queue, gw_packet **p, uint16_t n)
{
	struct port *t = &net.port[port];
	uint64_t now_ns = sim_now();
	uint16_t i;

	(void)queue;
	while (t->link_up && t->done_tail != t->done_head &&
		t->done_ns[t->done_tail % t->conf.tx_descriptors] <= now_ns)
		t->done_tail++;
	for (i = 0; i < n && t->done_head - t->done_tail < t->conf.tx_descriptors; i++) {
		uint64_t start_ns = t->busy_ns > now_ns ? t->busy_ns : now_ns;

		t->busy_ns = start_ns + (uint64_t)(p[i]->bytes + GW_WIRE_L1_BYTES) * 8000000000u /
						t->conf.line_bps;
		t->done_ns[t->done_head++ % t->conf.tx_descriptors] = t->busy_ns;
		t->count.sent++;
		take_tail(p[i]);
		if (net.watch != NULL)
			net.watch(port, p[i]);
		if (sim_breaks(SIM_BREAK_SWALLOW) && sim_chance(0.001)) {
			sim_packet_free(p[i]);
		} else if (t->link_up) {
			go_up(port, p[i], t->busy_ns);
		} else {
			t->up.frames++;
			t->up.lost_cut++;
			sim_packet_free(p[i]);
		}
	}
	t->count.refused += n - i;
	return i;
}

uint16_t sim_port_receive(uint16_t port, uint16_t queue, gw_packet **p, uint16_t n)
{
	struct port *t = &net.port[port];
	struct inbox *b = &t->inbox[queue];
	uint64_t now_ns = sim_now();
	uint32_t here = 0;
	uint16_t got = 0;

	while (b->head + here != b->tail &&
		b->frame[(b->head + here) & (b->size - 1)]->arrive_ns <= now_ns)
		here++;
	/* What came while the ring was full is lost: the newest of what is here. */
	if (here > t->conf.rx_descriptors || !t->link_up) {
		uint32_t keep = t->link_up ? t->conf.rx_descriptors : 0, gap = here - keep;

		for (uint32_t i = keep; i < here; i++)
			sim_packet_free(b->frame[(b->head + i) & (b->size - 1)]);
		for (uint32_t i = keep; i-- > 0;)
			b->frame[(b->head + gap + i) & (b->size - 1)] =
				b->frame[(b->head + i) & (b->size - 1)];
		b->head += gap;
		t->count.missed += gap;
		t->count.arriving -= gap;
		here = keep;
	}
	while (got < n && got < here)
		p[got++] = b->frame[b->head++ & (b->size - 1)];
	t->count.received += got;
	t->count.arriving -= got;
	return got;
}

bool sim_port_link(uint16_t port, bool *up, uint64_t *rate_bps)
{
	*up = net.port[port].link_up;
	*rate_bps = net.port[port].conf.line_bps;
	return true;
}
