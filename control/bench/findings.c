/* SPDX-License-Identifier: BSD-3-Clause */
#include "findings.h"

#include "../../dataplane/port/ring.h"
#include "../../dataplane/wire/payload.h"
#include "../message.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define SMALL_RING 512u
#define MEMIF_RING_MIN 6u
#define MEMIF_RING_MAX 9u /* 512 frames of 8 KiB are more than any core's L2 holds */
#define AWAY_SHARE 0.02

bool facts_virtual(const char *driver)
{
	static const char *const software[] = {"net_memif", "net_ring", "net_af_", "net_tap",
		"net_null", "net_pcap", "net_vhost", "net_virtio_user"};

	for (size_t i = 0; i < sizeof(software) / sizeof(software[0]); i++)
		if (strncmp(driver, software[i], strlen(software[i])) == 0)
			return true;
	return false;
}

static struct finding *add(struct findings *o, const char *name, const char *of)
{
	static struct finding beyond; /* more than anybody reads */
	struct finding *f = o->n < FINDINGS_MAX ? &o->f[o->n++] : &beyond;

	snprintf(f->name, sizeof(f->name), "%s%s%s", name, of[0] != '\0' ? " " : "", of);
	f->value[0] = f->advice[0] = '\0';
	return f;
}

static void value(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void value(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->value, sizeof(f->value), fmt, ap);
	va_end(ap);
}

static void advise(struct finding *f, const char *text)
{
	snprintf(f->advice, sizeof(f->advice), "%s", text);
}

static void numa(const struct facts *facts, const struct facts_port *p, struct findings *o)
{
	for (uint32_t i = 0; i < facts->n_workers; i++) {
		const struct facts_worker *w = &facts->worker[i];
		struct finding *f;

		if (p->setup.socket < 0 || w->socket < 0 || p->setup.socket == w->socket)
			continue;
		f = add(o, "NUMA-remote port", p->name);
		value(f, "port on node %d, worker CPU %u on node %d", p->setup.socket, w->cpu,
			w->socket);
		advise(f,
			"every packet crosses the sockets: take CPUs of the port's node (--cpus)");
		return;
	}
}

static void rings(const struct facts_port *p, struct findings *o)
{
	struct finding *f;

	if (p->setup.memif_rsize != 0) {
		if (p->setup.memif_rsize >= MEMIF_RING_MIN &&
			p->setup.memif_rsize <= MEMIF_RING_MAX)
			return;
		f = add(o, p->setup.memif_rsize < MEMIF_RING_MIN ? "small rings" : "large rings",
			p->name);
		value(f, "rsize %u: %u packets", p->setup.memif_rsize, 1u << p->setup.memif_rsize);
		advise(f, p->setup.memif_rsize < MEMIF_RING_MIN
				  ? "a burst of 32 does not fit twice: --rsize 7"
				  : "what waits in them leaves the L2 cache: --rsize 7");
		return;
	}
	/* A capped port's transmit ring is small on purpose. */
	if (p->setup.rx_descriptors >= SMALL_RING && p->setup.tx_descriptors >= GW_RING_MIN)
		return;
	f = add(o, "small rings", p->name);
	value(f, "%u receive, %u transmit descriptors", p->setup.rx_descriptors,
		p->setup.tx_descriptors);
	advise(f, "a poll core that is away for a moment loses packets: --descriptors 1024");
}

static void mtu(const struct facts *facts, const struct facts_port *p, struct findings *o)
{
	uint32_t pages = gw_wire_pages_per_packet(p->mtu, p->ipv6, facts->flags);
	struct finding *f;

	/* memif has no MTU call: its frames are as large as its buffers. */
	if (p->setup.device_mtu != 0 && p->setup.device_mtu != p->mtu &&
		p->setup.memif_rsize == 0) {
		f = add(o, "wrong MTU", p->name);
		value(f, "%u configured, the driver has %u", p->mtu, p->setup.device_mtu);
		advise(f, "larger packets are dropped without a word: set both alike");
	}
	if (p->path_mtu != 0 && p->path_mtu < p->mtu) {
		f = add(o, "wrong MTU", p->name);
		value(f, "%u here, %u on the way to the peer", p->mtu, p->path_mtu);
		advise(f,
			"the smaller one is used: raise it at the peer's port and on the switches");
	}
	if (pages >= 2)
		return;
	f = add(o, "small MTU", p->name);
	value(f, "%u: a page takes %u packet%s", p->mtu, pages == 0 ? GW_WIRE_FRAGMENTS : 1,
		pages == 0 ? "s" : "");
	advise(f, "9000 carries two pages a packet: fewer headers, fewer cycles");
}

static void offloads(const struct facts *facts, const struct facts_port *p, struct findings *o)
{
	struct finding *f;
	bool virtual = facts_virtual(p->driver);

	if (p->setup.fast_free_known && !p->setup.fast_free) {
		f = add(o, "FAST_FREE", p->name);
		value(f, "off");
		advise(f, "zero copy needs it off; compare with --no-zero-copy");
	} else if (!p->setup.fast_free_known && !virtual) {
		f = add(o, "missing offload", p->name);
		value(f, "MBUF_FAST_FREE");
		advise(f,
			"the driver frees each sent packet by itself: costs cycles at the source");
	}
	if (p->queues > 1 && !p->setup.rss && !virtual) {
		f = add(o, "missing offload", p->name);
		value(f, "RSS over UDP, %u queues", p->queues);
		advise(f, "only one queue receives: --workers 1, or another driver");
	}
	if (facts->zero_copy_wanted && facts->flags == 0 && !p->setup.zero_copy) {
		f = add(o, "copying transmit", p->name);
		value(f, "%s", p->driver);
		advise(f, "this driver is not known to be safe for sending from guest memory");
	}
}

static void link_of(const struct facts_port *p, struct findings *o)
{
	struct finding *f;

	if (!p->link_up) {
		f = add(o, "no link", p->name);
		value(f, "down");
		advise(f, "check the cable and the other end");
	}
	if (p->expect_bps == 0 || p->setup.link_mbps == 0 || facts_virtual(p->driver) ||
		p->setup.link_mbps * UINT64_C(1000000) >= p->expect_bps)
		return;
	f = add(o, "slow link", p->name);
	value(f, "%u Mb/s, %llu expected", p->setup.link_mbps,
		(unsigned long long)(p->expect_bps / 1000000));
	advise(f, "check the cable, the transceiver and what the switch port negotiates");
}

static void worker(const struct facts_worker *w, struct findings *o)
{
	struct finding *f;
	char cpu[32];

	snprintf(cpu, sizeof(cpu), "CPU %u", w->cpu);
	if (w->shared) {
		f = add(o, "shared", cpu);
		value(f, "two poll cores on one");
		advise(f,
			"they starve each other: --cpus with one CPU for each, or fewer --workers");
	} else if (w->sibling >= 0) {
		f = add(o, "shared core of", cpu);
		value(f, "CPU %d is its hyper-thread", w->sibling);
		advise(f, "they halve each other's caches and ports: --cpus with one of each pair");
	}
	if (w->governor[0] != '\0' && strcmp(w->governor, "performance") != 0) {
		f = add(o, "frequency governor of", cpu);
		value(f, "%s", w->governor);
		advise(f, "cpupower frequency-set -g performance");
	}
}

static void seen(const struct facts *facts, struct findings *o)
{
	struct finding *f;

	if (facts->away > AWAY_SHARE) {
		f = add(o, "CPU taken away", "");
		value(f, "%.0f %% of the poll cores' time", 100 * facts->away);
		advise(f, "something else runs there: give poll cores CPUs of their own");
	}
	if (facts->missed != 0) {
		f = add(o, "packets missed", "");
		value(f, "%llu dropped by the ports", (unsigned long long)facts->missed);
		advise(f, "the poll core is too slow or was away: larger rings, more --workers, "
			  "a lower --rate");
	}
	if (facts->faults != 0) {
		f = add(o, "page faults", "");
		value(f, "%llu on poll cores", (unsigned long long)facts->faults);
		advise(f, "each costs microseconds: memory is short, or not populated");
	}
	if (facts->lost_packets != 0) {
		f = add(o, "packets lost", "");
		value(f, "%llu", (unsigned long long)facts->lost_packets);
		advise(f, "--search finds the rate below which nothing is lost");
	}
}

void findings_of(const struct facts *facts, struct findings *o)
{
	struct finding *f;

	o->n = 0;
	if (!facts->huge_pages) {
		f = add(o, "no huge pages", "");
		value(f, "packet buffers in 4 KiB pages");
		advise(f, "echo 512 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	}
	for (uint32_t i = 0; i < facts->n_ports; i++) {
		const struct facts_port *p = &facts->port[i];

		link_of(p, o);
		numa(facts, p, o);
		rings(p, o);
		mtu(facts, p, o);
		offloads(facts, p, o);
	}
	for (uint32_t i = 0; i < facts->n_workers; i++)
		worker(&facts->worker[i], o);
	seen(facts, o);
}

json_t *findings_json(const struct findings *f, const char *end)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < f->n; i++)
		json_array_append_new(a, json_pack("{s:s, s:o, s:o, s:o}", "end", end, "name",
						 gw_message_string(f->f[i].name), "value",
						 gw_message_string(f->f[i].value), "advice",
						 gw_message_string(f->f[i].advice)));
	return a;
}

int findings_read(const json_t *array, struct findings *f)
{
	f->n = 0;
	if (!json_is_array(array) || json_array_size(array) > FINDINGS_MAX)
		return -EPROTO;
	for (; f->n < json_array_size(array); f->n++) {
		const json_t *o = json_array_get(array, f->n);
		struct finding *to = &f->f[f->n];

		/* Text for people: cut to fit, control characters replaced. */
		gw_message_reason(o, "name", to->name, sizeof(to->name));
		gw_message_reason(o, "value", to->value, sizeof(to->value));
		gw_message_reason(o, "advice", to->advice, sizeof(to->advice));
	}
	return 0;
}
