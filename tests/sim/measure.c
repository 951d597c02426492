/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure.h"

#include "../../dataplane/export/producer.h"
#include "../../dataplane/memory/bitmap.h"
#include "engine.h"
#include "plane.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MS 1000000ull
#define RAM_BYTES (32u << 20)
#define RAM_PAGES (RAM_BYTES / GW_WIRE_PAGE_BYTES)
#define FEED_NS 50000u

static const struct scenario {
	const char *name, *what;
	uint32_t ports, workers;
	uint64_t rate_bps, rtt_ns;
	double loss;
	uint64_t warm_ns, run_ns;
	/* A narrow place on the way that the ports know nothing of; they then have no cap. */
	uint64_t narrow_bps, queue_bytes;
	uint32_t mtu; /* 0: 9000 */
} scenarios[] = {
	{"sim_150ms_loss0", "10 Gb/s, 150 ms, clean", 1, 1, 10000000000, 150 * MS, 0, 6000 * MS,
		4000 * MS, 0, 0, 0},
	{"sim_150ms_loss0.1", "10 Gb/s, 150 ms, 0.1 % random loss", 1, 1, 10000000000, 150 * MS,
		0.001, 6000 * MS, 4000 * MS, 0, 0, 0},
	{"sim_150ms_loss1", "10 Gb/s, 150 ms, 1 % random loss", 1, 1, 10000000000, 150 * MS, 0.01,
		6000 * MS, 4000 * MS, 0, 0, 0},
	{"sim_4x100_10ms", "4 x 100 Gb/s, 10 ms, clean", 4, 4, 100000000000, 10 * MS, 0, 500 * MS,
		250 * MS, 0, 0, 0},
	{"narrow_shallow", "2.1 Gb/s into 0.8 Gb/s with 41 kB of queue, 0.8 ms, MTU 1500", 1, 1,
		2090000000, 832000, 0, 1000 * MS, 2000 * MS, 810000000, 41000, 1500},
	{"narrow_deep", "10 Gb/s into 4 Gb/s with 10 ms of queue, 5 ms, MTU 9000", 1, 1,
		10000000000, 5 * MS, 0, 1000 * MS, 2000 * MS, 4000000000, 5000000, 0},
};

static uint32_t mtu_of(const struct scenario *sc)
{
	return sc->mtu != 0 ? sc->mtu : 9000;
}

void sim_measure_list(FILE *f)
{
	for (uint32_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		fprintf(f, "  %-20s %s\n", scenarios[i].name, scenarios[i].what);
}

struct end {
	struct sim_plane *plane;
	struct gw_dp *dp;
	int fd;
	struct gw_ram *ram;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "sim: %s failed\n", what);
	exit(2);
}

static void make_ram(struct end *e, bool fill)
{
	struct gw_ram_region r = {.id = 0, .size = RAM_BYTES};
	uint64_t *at;

	e->fd = memfd_create("sim", MFD_CLOEXEC);
	must(e->fd >= 0 && ftruncate(e->fd, RAM_BYTES) == 0, "memfd");
	at = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, e->fd, 0);
	must(at != MAP_FAILED, "mmap");
	for (uint32_t i = 0; fill && i < RAM_PAGES; i++)
		at[i * 512] = i + 1; /* no page is zero */
	munmap(at, RAM_BYTES);
	r.fd = e->fd;
	must(gw_ram_map(&r, 1, true, &e->ram, NULL) == 0, "gw_ram_map");
	must(gw_ram_populate(e->ram, 0, 0, RAM_PAGES) == 0, "gw_ram_populate");
}

static void make_end(const struct scenario *sc, uint32_t host, struct end *e)
{
	static struct sim_port_conf conf[2][GW_DP_MAX_PORTS];
	struct sim_plane_conf pc = {.n_workers = sc->workers,
		.integrity = GW_DP_INTEGRITY_NONE,
		.n_ports = sc->ports,
		.round_ns = 100,
		.work_ns = 150};

	for (uint32_t i = 0; i < sc->ports; i++) {
		struct sim_port_conf *c = &conf[host][i];

		*c = (struct sim_port_conf){.host = host,
			.segment = i,
			.mac = {2, 0, 0, 0, (uint8_t)i, (uint8_t)host},
			.queues = (uint16_t)sc->workers,
			.rx_descriptors = 4096,
			.tx_descriptors = 512,
			.line_bps = sc->rate_bps};
		c->up.delay_ns = sc->rtt_ns / 4;
		c->up.loss = sc->loss;
		c->down.delay_ns = sc->rtt_ns / 4;
		if (host == 0) {
			c->up.rate_bps = sc->narrow_bps;
			c->up.queue_bytes = sc->queue_bytes;
		}
		pc.port[i].number = sim_net_add(c);
		pc.port[i].conf = c;
		pc.port[i].ip = gw_ip_from_v4(10u << 24 | i << 8 | (host + 1));
		pc.port[i].prefix = 24;
		pc.port[i].mtu = mtu_of(sc);
		pc.port[i].rate_bps = sc->narrow_bps == 0 ? sc->rate_bps : 0;
		pc.port[i].zero_copy = true;
	}
	sim_plane_create(&pc, &e->plane);
	e->dp = sim_plane_dp(e->plane);
	gw_dp_active(e->dp, true);
	make_ram(e, host == 0);
}

static struct gw_dp_link *join(struct end *a, struct end *b, struct gw_dp_link **acceptor)
{
	const struct gw_dp_path *path;
	struct gw_dp_link *link;
	struct gw_dp_host host;
	struct gw_err err;
	uint32_t n;

	gw_dp_host(b->dp, &host);
	must(gw_dp_link_plan(a->dp, &host, NULL, &link, &err) == 0, "gw_dp_link_plan");
	path = gw_dp_link_paths(link, &n);
	must(gw_dp_link_accept(b->dp, path, n, NULL, acceptor, &err) == 0, "gw_dp_link_accept");
	path = gw_dp_link_paths(*acceptor, &n);
	must(gw_dp_link_start(link, path, n, &err) == 0, "gw_dp_link_start");
	return link;
}

static struct gw_dp_source *source;
static struct sim_event feeding;

/* All pages are always to be sent: what was taken is set again, under the same label. No next epoch
 * follows, so nothing may be left to it: a page whose packet was lost would be. */
static void feed(void *ctx)
{
	struct gw_dp_event ev;

	(void)ctx;
	/* As control does: paths that hold much get larger books. */
	while (gw_dp_poll_event(source->dp, &ev) != 0)
		;
	memset(source->core.next, 0, source->core.space.words * sizeof(*source->core.next));
	gw_bitmap_set_range(source->core.open, source->core.space.region[0].first, RAM_PAGES);
	sim_after(&feeding, FEED_NS, feed, NULL);
}

static uint64_t spurious(const struct gw_dp *dp)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < dp->n_workers; i++)
		n += dp->worker[i]->drop[GW_DROP_loss_spurious];
	return n;
}

/* Layer-1 bytes of packets that arrived and were not sent in vain, and of all that were sent. */
static void count(const struct gw_dp_link *link, struct gw_dp *sender, uint32_t ports,
	uint64_t *arrived, uint64_t *sent)
{
	struct gw_dp_link_status st;
	struct gw_dp_port_info info;

	gw_dp_link_status(link, &st);
	*arrived = st.acked_bytes;
	*sent = 0;
	for (uint32_t i = 0; i < ports; i++) {
		gw_dp_port_info(sender, i, &info);
		*sent += info.tx_bytes + info.tx_packets * GW_WIRE_L1_BYTES;
	}
}

static void run_for(uint64_t ns)
{
	uint64_t until_ns = sim_now() + ns;

	while (sim_step(until_ns))
		;
}

/* Guest bytes in a layer-1 byte: whole pages, or one in three fragments. */
static double payload_share(uint32_t mtu)
{
	double overhead = GW_WIRE_L2_TO_UDP + sizeof(struct gw_wire_data) + GW_WIRE_L1_BYTES;
	uint32_t pages = (mtu - 60) / GW_WIRE_PAGE_BYTES;

	if (pages == 0)
		return GW_WIRE_PAGE_BYTES / (GW_WIRE_PAGE_BYTES + GW_WIRE_FRAGMENTS * overhead);
	return pages * GW_WIRE_PAGE_BYTES / (pages * GW_WIRE_PAGE_BYTES + overhead);
}

struct figures {
	double share, payload_gbps, sent_per_arrived;
	uint64_t ready_ns, lost, spurious, rtt_ns;
};

static void measure(const struct scenario *sc, uint64_t seed, struct figures *f)
{
	struct gw_dp_source_conf conf = {.state_limit_mib = 1, .n_rings = 1, .weight = 1};
	struct gw_dp_sink_conf sink_conf = {.state_limit_mib = 1};
	struct gw_dp_link *link, *accepted;
	struct gw_dp_link_status st;
	struct gw_dp_port_info info;
	struct end a = {0}, b = {0};
	struct gw_ring_area area;
	struct gw_ring_reader ring;
	struct gw_dp_sink *sink;
	uint64_t start_ns, arrived, sent, arrived_before, sent_before, line_bps;
	struct gw_err err;

	sim_reset(seed);
	/* Pages in fragments are copied into their packets. */
	sim_net_reset(mtu_of(sc) < 4500);
	make_end(sc, 0, &a);
	make_end(sc, 1, &b);
	link = join(&a, &b, &accepted);
	start_ns = sim_now();
	do {
		run_for(MS);
		gw_dp_link_status(link, &st);
	} while (!st.ready && sim_now() - start_ns < 60000 * MS);
	must(st.ready, "reaching every core within 60 s");
	f->ready_ns = sim_now() - start_ns;

	must(gw_ring_area_create(1, 64, &area) == 0, "gw_ring_area_create");
	ring = (struct gw_ring_reader){.ring = gw_ring_area_writer(&area, 0).ring, .mask = 63};
	sink_conf.link = accepted;
	sink_conf.ram = b.ram;
	must(gw_dp_sink_create(b.dp, &sink_conf, &sink, &err) == 0, "gw_dp_sink_create");
	conf.link = link;
	conf.ram = a.ram;
	conf.stream = gw_dp_sink_stream(sink);
	conf.ring = &ring;
	must(gw_dp_source_create(a.dp, &conf, &source, &err) == 0, "gw_dp_source_create");
	gw_dp_source_mark_data(source, 0, 0, RAM_PAGES);
	must(gw_dp_source_open(source, 1) == 0, "gw_dp_source_open");
	sim_after(&feeding, 0, feed, NULL);
	run_for(sc->warm_ns);
	count(link, a.dp, sc->ports, &arrived_before, &sent_before);
	run_for(sc->run_ns);
	count(link, a.dp, sc->ports, &arrived, &sent);
	arrived -= arrived_before;
	sent -= sent_before;

	gw_dp_link_status(link, &st);
	f->rtt_ns = st.rtt_ns;
	f->spurious = spurious(a.dp);
	for (uint32_t i = 0; i < sc->ports; i++) {
		gw_dp_port_info(a.dp, i, &info);
		f->lost += info.lost_packets;
	}
	line_bps = (sc->narrow_bps != 0 ? sc->narrow_bps : sc->rate_bps) * sc->ports;
	f->share = (double)arrived * 8e9 / (double)sc->run_ns / (double)line_bps;
	f->payload_gbps = f->share * (double)line_bps / 1e9 * payload_share(mtu_of(sc));
	f->sent_per_arrived = arrived != 0 ? (double)sent / (double)arrived : 0;
	sim_plane_free(&a.plane);
	sim_plane_free(&b.plane);
	gw_ring_area_free(&area);
	gw_ram_free(&a.ram);
	gw_ram_free(&b.ram);
	close(a.fd);
	close(b.fd);
}

bool sim_measure(const char *name, uint64_t seed, FILE *out, double *share)
{
	for (uint32_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		const struct scenario *sc = &scenarios[i];
		struct figures f = {0};

		if (strcmp(sc->name, name) != 0)
			continue;
		measure(sc, seed, &f);
		*share = f.share;
		fprintf(out,
			"{\"scenario\": \"%s\", \"seed\": %llu, \"share_of_payload\": %.4f, "
			"\"payload_gbps\": %.3f, \"sent_per_arrived\": %.3f, \"rtt_ms\": %.3f, "
			"\"ready_ms\": %.1f, "
			"\"lost_packets\": %llu, \"spurious_losses\": %llu, "
			"\"measured_ms\": %llu, \"events\": %llu}\n",
			sc->name, (unsigned long long)seed, f.share, f.payload_gbps,
			f.sent_per_arrived, (double)f.rtt_ns / 1e6, (double)f.ready_ns / 1e6,
			(unsigned long long)f.lost, (unsigned long long)f.spurious,
			(unsigned long long)(sc->run_ns / MS), (unsigned long long)sim_events());
		return true;
	}
	return false;
}
