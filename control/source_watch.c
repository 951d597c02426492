/* SPDX-License-Identifier: BSD-3-Clause */
/* What a source session looks at as time passes: its paths, its progress, its time, and what it
 * still has to tell. */
#include "source_run.h"

#include "../dataplane/base/clock.h"

#include <string.h>

#define SLOW_NS (10 * GW_NS_PER_MS)
#define STALL_NS (5 * GW_NS_PER_S) /* re-sends get through late rather than never */
#define STALE_NS (300 * GW_NS_PER_MS)
#define TELL_BACKLOG (4u << 20) /* large transfers leave room for what is urgent */

void gw_src_run_link_text(struct gw_src_run *s, char *text, size_t size)
{
	struct gw_link *link = s->run.conn != NULL ? gw_conn_link(s->run.conn) : NULL;
	struct gw_dp_link_status st = {0};
	struct gw_dp_port_info port;
	size_t n;

	if (s->run.conn != NULL && gw_conn_link_error(s->run.conn)[0] != '\0') {
		snprintf(text, size, "no paths to %s: %.160s", s->run.peer,
			gw_conn_link_error(s->run.conn));
		return;
	}
	if (link != NULL)
		gw_dp_link_status(gw_link_dp(link), &st);
	snprintf(text, size,
		"not every core of %s is reached: %u of %u paths are up; own ports:", s->run.peer,
		st.paths_up, st.paths);
	for (uint32_t i = 0; i < gw_dp_port_count(s->run.env->dp); i++) {
		gw_dp_port_info(s->run.env->dp, i, &port);
		n = strlen(text);
		snprintf(text + n, size - n, " %s (link %s)", port.name,
			port.link_up ? "up" : "down");
	}
}

static void watch_link(struct gw_src_run *s)
{
	struct gw_link *link = s->run.conn != NULL ? gw_conn_link(s->run.conn) : NULL;
	struct gw_dp_link_status st;

	if (link == NULL) {
		/* It was tried and failed: no need to wait for the time limit. */
		if (s->run.conn != NULL && gw_conn_link_error(s->run.conn)[0] != '\0')
			gw_run_feed(&s->run, GW_EV_TIMER, 0, 0, NULL);
		return;
	}
	gw_dp_link_status(gw_link_dp(link), &st);
	if (!st.ready)
		return;
	s->watching_link = false;
	gw_run_feed(&s->run, GW_EV_LINK_UP, 0, 0, NULL);
}

/* Paths that are down, and paths that are up while nothing gets through. */
static void watch_paths(struct gw_src_run *s, uint64_t now_ns)
{
	uint64_t limit_ns = s->run.env->config->migration.ports_down_timeout_ms * GW_NS_PER_MS;
	uint64_t through_ns = gw_meter_through_ns(s->run.meter);
	struct gw_dp_link_status st = {0};

	if (s->stream == NULL || s->run.link == NULL)
		return;
	gw_meter_link(s->run.meter, gw_link_dp(s->run.link), now_ns);
	gw_dp_link_status(gw_link_dp(s->run.link), &st);
	if (st.paths_up > 0) {
		s->paths_up_ns = now_ns;
	} else if (now_ns - s->paths_up_ns > limit_ns) {
		gw_run_fault(&s->run, "all %u paths to %s have been down for %llu ms", st.paths,
			s->run.peer,
			(unsigned long long)((now_ns - s->paths_up_ns) / GW_NS_PER_MS));
		return;
	}
	/* Before the destination has made room nothing is meant to go. */
	if (s->waiting_idle && s->all_populated && now_ns > through_ns &&
		now_ns - through_ns > limit_ns + STALL_NS)
		gw_run_fault(&s->run, "no page has reached %s for %llu ms", s->run.peer,
			(unsigned long long)((now_ns - through_ns) / GW_NS_PER_MS));
}

static void tell(struct gw_src_run *s)
{
	while (s->telling && s->run.conn != NULL &&
		gw_peer_backlog(gw_conn_peer(s->run.conn)) < TELL_BACKLOG) {
		json_t *o = gw_extents_next(s->extents);

		if (o != NULL)
			gw_run_send(&s->run, GW_MESSAGE_EXTENTS, o);
		else
			s->telling = false;
	}
	while (s->verify_telling && s->run.conn != NULL &&
		gw_peer_backlog(gw_conn_peer(s->run.conn)) < TELL_BACKLOG) {
		json_t *o = gw_verify_next(s->verify);

		if (o != NULL)
			gw_run_send(&s->run, GW_MESSAGE_DIGESTS, o);
		else
			s->verify_telling = false;
	}
}

/* Whether it has been so long since all was accessed that it must be once more, before anything is
 * sent: hypervisors that shadow page tables drop entries that nobody uses, and poll cores would
 * make them anew, 1.5 us a page. */
static bool is_stale(const struct gw_src_run *s, uint64_t now_ns)
{
	return s->run.conf.populate_first && s->run.again == NULL &&
	       now_ns - s->mapped_ns > STALE_NS;
}

void gw_src_run_let_out(struct gw_src_run *s, uint64_t now_ns)
{
	struct gw_populate *own = s->run.again != NULL ? s->run.again : s->run.populate;
	bool mapped = true, all = true;

	if (own == NULL || s->stream == NULL || s->all_populated)
		return;
	if (gw_populate_error(own) != 0) {
		gw_run_fault(&s->run, "cannot read the guest's memory: %s",
			strerror(-gw_populate_error(own)));
		return;
	}
	if (!gw_populate_may_show(own, now_ns))
		return;
	for (uint32_t i = 0; i < gw_ram_regions(s->run.ram); i++) {
		uint64_t mark = gw_populate_mark(own, i), pages;

		gw_ram_region(s->run.ram, i, NULL, &pages);
		mapped = mapped && mark == pages;
		if (mark > s->populated[i])
			mark = s->populated[i];
		gw_dp_source_limit(s->stream, i, mark);
		all = all && mark == pages;
	}
	if (mapped && s->mapped_ns == 0)
		s->mapped_ns = now_ns;
	if (all && is_stale(s, now_ns)) {
		const struct gw_populate_conf conf = {.ram = s->run.ram, .again = true};

		gw_run_populate(&s->run, &conf, &s->run.again);
	} else if (all) {
		s->all_populated = true;
		gw_run_feed(&s->run, GW_EV_POPULATED, 0, 0, NULL);
	}
}

void gw_src_run_tick(struct gw_run *run, uint64_t now_ns)
{
	struct gw_src_run *s = gw_src_run_of(run);

	if (s->watching_link)
		watch_link(s);
	if (s->waiting_idle && s->stream != NULL && gw_dp_source_idle(s->stream)) {
		s->waiting_idle = false;
		gw_run_feed(run, GW_EV_IDLE, 0, 0, NULL);
	}
	gw_src_brake_tick(s, now_ns);
	tell(s);
	gw_src_run_let_out(s, now_ns);
	if (now_ns < s->slow_ns)
		return;
	s->slow_ns = now_ns + SLOW_NS;
	watch_paths(s, now_ns);
	if (s->deadline_ns != 0 && now_ns > s->deadline_ns) {
		s->deadline_ns = 0;
		gw_run_feed(run, GW_EV_TIME_UP, 0, 0, NULL);
	}
}
