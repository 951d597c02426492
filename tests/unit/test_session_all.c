/* SPDX-License-Identifier: BSD-3-Clause */
/* control/session*.c: every event in every state that can be reached. The driver's part is kept
 * beside each machine as a record of what was asked and promised; the commit rules are looked at
 * after each step, and no state may be a dead end. */
#include "../../control/session_sink.h"
#include "../../control/session_source.h"
#include "run.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NODES (1u << 17)
#define TABLE (MAX_NODES * 2)

/* What the world knows. Bits, so that it can be compared. */
enum {
	ASKED_TIMER = 1u << 0,
	REC_PAUSING = 1u << 1, /* recorded */
	REC_GO = 1u << 2,
	REFUSED_SEEN = 1u << 4,
	RUNNING_SEEN = 1u << 5,
	READY_SEEN = 1u << 6,
	SAVED_OK = 1u << 7,
	SYNCED_AFTER_SAVE = 1u << 8,
	COMMITTED = 1u << 9,
	PAUSED_BY_US = 1u << 10,
	FENCED = 1u << 12,
	VERIFIED = 1u << 13,
	LOADED = 1u << 14,
	GO_SEEN = 1u << 15,
	REC_STARTING = 1u << 16,
	RESUME_ASKED = 1u << 17,
	RESUME_UNSURE = 1u << 18,
	RESUME_OK = 1u << 19,
	REC_REFUSED = 1u << 20,
	QUIT_OK = 1u << 21,
	STREAM_MADE = 1u << 22,
	REC_LOADING = 1u << 23,
	HAS_PAUSED_GUEST = 1u << 24,
	HOOK_RAN = 1u << 25,
	HOOK_FAILED = 1u << 26,
	PERSON_HERE = 1u << 27, /* what a person has said, where he was heard */
	PERSON_AWAY = 1u << 28,
};

struct ghost {
	uint32_t facts;
	uint64_t waiting; /* events that would complete what was asked */
	uint32_t step;    /* last RECORD asked */
};

struct node {
	struct ghost ghost;
	union {
		struct gw_src src;
		struct gw_dst dst;
	} m;
	uint32_t first_from; /* list of predecessors, for the search backwards */
};

struct edge {
	uint32_t from, next;
};

static struct node *node;
static uint32_t nodes, *table;
static struct edge *edge;
static uint32_t edges, edges_size;
static bool broken; /* one report is enough */

static uint64_t hash(const struct node *n)
{
	const unsigned char *p = (const unsigned char *)n;
	uint64_t h = 1469598103934665603ull;

	for (size_t i = 0; i < offsetof(struct node, first_from); i++)
		h = (h ^ p[i]) * 1099511628211ull;
	return h ^ h >> 29;
}

/* The node's number; a new one is queued by being the last. */
static uint32_t intern(const struct node *n)
{
	uint64_t at = hash(n) % TABLE;

	while (table[at] != 0) {
		if (memcmp(&node[table[at] - 1], n, offsetof(struct node, first_from)) == 0)
			return table[at] - 1;
		at = (at + 1) % TABLE;
	}
	CU_ASSERT_FATAL(nodes < MAX_NODES);
	memcpy(&node[nodes], n, sizeof(*n));
	node[nodes].first_from = UINT32_MAX;
	table[at] = ++nodes;
	return nodes - 1;
}

static void link_nodes(uint32_t from, uint32_t to)
{
	if (edges == edges_size) {
		edges_size = edges_size == 0 ? 1u << 16 : edges_size * 2;
		edge = realloc(edge, edges_size * sizeof(*edge));
		CU_ASSERT_FATAL(edge != NULL);
	}
	edge[edges] = (struct edge){from, node[to].first_from};
	node[to].first_from = edges++;
}

#define RULE(holds, text)                                                                      \
	do {                                                                                   \
		if (!(holds) && !broken) {                                                     \
			broken = true;                                                         \
			printf("\n    broken: %s (state %s, event %s)\n", text, state, event); \
			CU_FAIL(text);                                                         \
		}                                                                              \
	} while (0)

#define BIT(e) (1ull << (e))

static uint64_t completion(enum gw_session_action_type type)
{
	switch (type) {
	case GW_DO_HV_OPEN:
		return BIT(GW_EV_HV_OPENED);
	case GW_DO_HV_CHECK:
		return BIT(GW_EV_HV_CHECKED);
	case GW_DO_HV_PREPARE:
		return BIT(GW_EV_HV_PREPARED);
	case GW_DO_SEND_PREPARE:
		return BIT(GW_EV_PEER_PREPARED);
	case GW_DO_MAP:
		return BIT(GW_EV_MAPPED);
	case GW_DO_WATCH_LINK:
		return BIT(GW_EV_LINK_UP);
	case GW_DO_TRACK_START:
		return BIT(GW_EV_TRACKING);
	case GW_DO_TRACK_STOP:
		return BIT(GW_EV_TRACK_STOPPED);
	case GW_DO_STREAM_CREATE:
		return BIT(GW_EV_STREAM);
	case GW_DO_STREAM_CLOSE:
		return BIT(GW_EV_STREAM_CLOSED);
	case GW_DO_WALK:
		return BIT(GW_EV_WALKED);
	case GW_DO_OPEN_LABEL:
		return BIT(GW_EV_LABEL_OPENED) | BIT(GW_EV_IDLE);
	case GW_DO_SYNC:
		return BIT(GW_EV_SYNCED);
	case GW_DO_DRAIN:
		return BIT(GW_EV_DRAINED);
	case GW_DO_AWAIT_IDLE:
		return BIT(GW_EV_IDLE);
	case GW_DO_FIND_HOLES:
		return BIT(GW_EV_HOLES);
	case GW_DO_PUT_STATE:
		return BIT(GW_EV_STATE_PUT);
	case GW_DO_RECORD:
		return BIT(GW_EV_RECORDED);
	case GW_DO_PAUSE:
		return BIT(GW_EV_PAUSED);
	case GW_DO_SAVE:
		return BIT(GW_EV_SAVED);
	case GW_DO_UNSAVE:
		return BIT(GW_EV_UNSAVED);
	case GW_DO_LOAD_OPEN:
		return BIT(GW_EV_LOAD_OPENED);
	case GW_DO_LOAD:
		return BIT(GW_EV_LOADED);
	case GW_DO_RESUME:
		return BIT(GW_EV_RESUMED);
	case GW_DO_QUIT:
		return BIT(GW_EV_QUIT_DONE);
	case GW_DO_FENCE:
		return BIT(GW_EV_FENCED);
	case GW_DO_VERIFY:
		return BIT(GW_EV_VERIFIED);
	case GW_DO_PUNCH:
		return BIT(GW_EV_PUNCHED);
	default:
		return 0;
	}
}

/* Events whose value or sample matters. */
static const uint64_t with_value = BIT(GW_EV_HV_OPENED) | BIT(GW_EV_HV_CHECKED) |
				   BIT(GW_EV_PEER_PREPARED) | BIT(GW_EV_COMMIT) |
				   BIT(GW_EV_RESOLVED);

/* Completions come only where they were asked for; messages and mishaps come at any time. */
static const uint64_t asked_for =
	BIT(GW_EV_HV_OPENED) | BIT(GW_EV_HV_CHECKED) | BIT(GW_EV_HV_PREPARED) | BIT(GW_EV_MAPPED) |
	BIT(GW_EV_LINK_UP) | BIT(GW_EV_TRACKING) | BIT(GW_EV_TRACK_STOPPED) | BIT(GW_EV_STREAM) |
	BIT(GW_EV_STREAM_CLOSED) | BIT(GW_EV_WALKED) | BIT(GW_EV_LABEL_OPENED) | BIT(GW_EV_IDLE) |
	BIT(GW_EV_SYNCED) | BIT(GW_EV_DRAINED) | BIT(GW_EV_HOLES) | BIT(GW_EV_STATE_PUT) |
	BIT(GW_EV_RECORDED) | BIT(GW_EV_PAUSED) | BIT(GW_EV_SAVED) | BIT(GW_EV_UNSAVED) |
	BIT(GW_EV_LOAD_OPENED) | BIT(GW_EV_LOADED) | BIT(GW_EV_RESUMED) | BIT(GW_EV_QUIT_DONE) |
	BIT(GW_EV_FENCED) | BIT(GW_EV_VERIFIED) | BIT(GW_EV_PUNCHED) | BIT(GW_EV_HOOKED);

/* Of the exporter and the data plane: may come late, when nobody waits for it any more. */
static const uint64_t late = BIT(GW_EV_HV_OPENED) | BIT(GW_EV_HV_CHECKED) | BIT(GW_EV_HV_PREPARED) |
			     BIT(GW_EV_MAPPED) | BIT(GW_EV_LINK_UP) | BIT(GW_EV_TRACKING) |
			     BIT(GW_EV_STREAM) | BIT(GW_EV_WALKED) | BIT(GW_EV_LABEL_OPENED) |
			     BIT(GW_EV_IDLE) | BIT(GW_EV_SYNCED) | BIT(GW_EV_DRAINED) |
			     BIT(GW_EV_HOLES) | BIT(GW_EV_STATE_PUT) | BIT(GW_EV_PAUSED) |
			     BIT(GW_EV_SAVED) | BIT(GW_EV_HOOKED);

static void ghost_before(struct ghost *g, const struct gw_session_event *ev)
{
	bool ok = ev->result == 0;

	if (asked_for & BIT(ev->type))
		g->waiting &= ~BIT(ev->type);
	switch (ev->type) {
	case GW_EV_TIMER:
		g->facts &= ~ASKED_TIMER;
		break;
	case GW_EV_RECORDED:
		if (ok && g->step == GW_STEP_PAUSING)
			g->facts |= REC_PAUSING;
		if (ok && g->step == GW_STEP_GO)
			g->facts |= REC_GO;
		if (ok && g->step == GW_STEP_STARTING)
			g->facts |= REC_STARTING;
		if (ok && g->step == GW_STEP_LOADING)
			g->facts |= REC_LOADING;
		break;
	case GW_EV_HOOKED:
		g->facts |= HOOK_RAN;
		break;
	case GW_EV_READY:
		g->facts |= g->facts & COMMITTED ? READY_SEEN : 0;
		break;
	case GW_EV_REFUSED:
		g->facts |= g->facts & REC_GO ? REFUSED_SEEN : 0;
		break;
	case GW_EV_RUNNING:
		g->facts |= g->facts & REC_GO ? RUNNING_SEEN : 0;
		break;
	case GW_EV_SAVED:
		g->facts |= ok ? SAVED_OK : 0;
		break;
	case GW_EV_SYNCED:
		g->facts |= ok && g->facts & SAVED_OK ? SYNCED_AFTER_SAVE : 0;
		break;
	case GW_EV_FENCED:
		g->facts |= FENCED;
		break;
	case GW_EV_VERIFIED:
		g->facts |= ok ? VERIFIED : 0;
		break;
	case GW_EV_LOADED:
		g->facts |= ok ? LOADED : 0;
		break;
	case GW_EV_GO:
		g->facts |= GO_SEEN;
		break;
	case GW_EV_RESUMED:
		if (ok)
			g->facts = (g->facts | RESUME_OK) & ~(uint32_t)PAUSED_BY_US;
		if (ev->result == -ETIMEDOUT)
			g->facts |= RESUME_UNSURE;
		break;
	case GW_EV_HV_GONE:
		g->facts &= ~(uint32_t)PAUSED_BY_US;
		break;
	case GW_EV_QUIT_DONE:
		g->facts |= ok ? QUIT_OK : 0;
		break;
	default:
		break;
	}
}

static void common_rules(
	struct ghost *g, const struct gw_session_actions *out, const char *state, const char *event)
{
	RULE(out->n < GW_SESSION_MAX_ACTIONS, "the list of actions is never full");
	for (uint32_t i = 0; i < out->n; i++) {
		if (out->list[i].type == GW_DO_TIMER)
			g->facts = out->list[i].value != 0 ? g->facts | ASKED_TIMER
							   : g->facts & ~(uint32_t)ASKED_TIMER;
		if (out->list[i].type == GW_DO_RECORD)
			g->step = (uint32_t)out->list[i].value;
		if (out->list[i].type == GW_DO_FINISH)
			RULE(i == out->n - 1, "FINISH is the last action");
		g->waiting |= completion(out->list[i].type);
		if (out->list[i].type == GW_DO_HOOK && out->list[i].value == GW_HOOK_BEFORE_PAUSE)
			g->waiting |= BIT(GW_EV_HOOKED);
	}
}

static void hook_rules(struct ghost *g, const struct gw_session_conf *conf,
	const struct gw_session_actions *out, const char *state, const char *event)
{
	for (uint32_t i = 0; i < out->n; i++) {
		if (out->list[i].type == GW_DO_HOOK)
			RULE(conf->hooks, "hooks run where there are some");
		if (out->list[i].type != GW_DO_PAUSE || !conf->hooks)
			continue;
		RULE(g->facts & HOOK_RAN, "before-pause runs before the guest is paused");
		RULE(!(g->facts & HOOK_FAILED),
			"a required hook that fails leaves the guest running");
	}
}

static void source_rules(
	struct ghost *g, const struct gw_session_actions *out, const char *state, const char *event)
{
	for (uint32_t i = 0; i < out->n; i++) {
		switch (out->list[i].type) {
		case GW_DO_RECORD:
			if (out->list[i].value == GW_STEP_GO)
				RULE(g->facts & READY_SEEN, "GO is recorded after READY only");
			break;
		case GW_DO_PAUSE:
			RULE(g->facts & REC_PAUSING,
				"PAUSING is recorded before the guest is paused");
			g->facts |= PAUSED_BY_US;
			break;
		case GW_DO_SEND_COMMIT:
			RULE(g->facts & SAVED_OK && g->facts & SYNCED_AFTER_SAVE,
				"COMMIT follows save and one more SYNC");
			g->facts |= COMMITTED;
			break;
		case GW_DO_SEND_GO:
			RULE(g->facts & COMMITTED && g->facts & READY_SEEN, "GO follows READY");
			RULE(g->facts & REC_GO, "GO is recorded before it is sent");
			break;
		case GW_DO_RESUME:
		case GW_DO_TRACK_STOP:
			RULE(!(g->facts & REC_GO) || g->facts & (REFUSED_SEEN | PERSON_HERE),
				"after GO nothing is undone unless refused");
			break;
		case GW_DO_QUIT:
			RULE(g->facts & (RUNNING_SEEN | PERSON_AWAY),
				"the source's hypervisor ends after RUNNING only");
			break;
		case GW_DO_SEND_ABORT:
			RULE(!(g->facts & REC_GO), "no ABORT after GO");
			break;
		default:
			break;
		}
	}
}

static void sink_rules(
	struct ghost *g, const struct gw_session_actions *out, const char *state, const char *event)
{
	for (uint32_t i = 0; i < out->n; i++) {
		switch (out->list[i].type) {
		case GW_DO_RECORD:
			if (out->list[i].value == GW_STEP_REFUSED) {
				RULE(!(g->facts & (RESUME_OK | RESUME_UNSURE)),
					"a guest that may have run is never refused");
				g->facts |= REC_REFUSED;
			}
			break;
		case GW_DO_STREAM_CREATE:
			g->facts |= STREAM_MADE;
			break;
		case GW_DO_LOAD_OPEN:
			RULE(g->facts & REC_LOADING, "LOADING is recorded before the load opens");
			break;
		case GW_DO_LOAD:
			RULE(g->facts & FENCED && g->facts & VERIFIED,
				"the stream is fenced before the load");
			RULE(g->facts & REC_LOADING, "LOADING is recorded before the load");
			break;
		case GW_DO_SEND_READY:
			RULE(g->facts & LOADED, "READY follows the load");
			break;
		case GW_DO_RESUME:
			RULE(g->facts & GO_SEEN, "the guest starts after GO only");
			RULE(g->facts & REC_STARTING,
				"STARTING is recorded before the guest starts");
			g->facts |= RESUME_ASKED;
			break;
		case GW_DO_SEND_RUNNING:
			RULE(g->facts & RESUME_OK || g->facts & HAS_PAUSED_GUEST,
				"RUNNING follows resume");
			break;
		case GW_DO_QUIT:
			RULE(!(g->facts & (RESUME_OK | RESUME_UNSURE)),
				"a guest that may have run is never ended");
			RULE(!(g->facts & RESUME_ASKED) || g->facts & REC_REFUSED,
				"REFUSED is recorded before the end");
			break;
		case GW_DO_SEND_REFUSED:
			RULE(g->facts & QUIT_OK && g->facts & REC_REFUSED,
				"REFUSED: its hypervisor is gone");
			break;
		case GW_DO_PUNCH:
			RULE(!(g->facts & (RESUME_OK | RESUME_UNSURE)),
				"memory of a guest that may run is not touched");
			RULE(!(g->facts & STREAM_MADE) || g->facts & FENCED,
				"memory is given back after the fence only");
			break;
		default:
			break;
		}
	}
}

static void shorten(char *text, size_t size)
{
	bool some = text[0] != '\0';

	memset(text, 0, size);
	if (some)
		text[0] = 'x';
}

/* Cuts what would make states differ without meaning. */
static void normalise(struct node *n, bool is_source)
{
	if (is_source) {
		shorten(n->m.src.error, sizeof(n->m.src.error));
		n->m.src.label = n->m.src.label > 0;
		n->m.src.predicted_ns = n->m.src.epoch_start_ns = 0;
		n->m.src.reasons = n->m.src.reasons > 0;
		if (n->m.src.resume_tries > 0) /* one more try is the last */
			n->m.src.resume_tries = 29;
		if (n->m.src.state > S_COMMITTING && n->m.src.state != S_R_OPENING) {
			/* What only the way forward asks for. Whatever comes late may come at any
			 * time. */
			n->m.src.paced = n->m.src.populated = n->m.src.time_up = false;
			n->m.src.label_done = n->m.src.state_done = false;
			n->m.src.reasons = 0;
			n->ghost.waiting &= ~late;
			n->ghost.facts &= ~(uint32_t)(SAVED_OK | SYNCED_AFTER_SAVE | REC_PAUSING |
						      HOOK_RAN | HOOK_FAILED);
		}
	} else {
		shorten(n->m.dst.error, sizeof(n->m.dst.error));
		n->m.dst.reasons = n->m.dst.reasons > 0;
	}
}

static void try_event(uint32_t from, const struct gw_session_event *ev, bool is_source)
{
	struct gw_session_actions out;
	const char *state, *why, *event = gw_session_event_name(ev->type);
	struct node n;
	bool over;

	memcpy(&n, &node[from], sizeof(n)); /* padding too: nodes are compared as bytes */
	ghost_before(&n.ghost, ev);
	if (is_source) {
		over = gw_src_view(&n.m.src).over;
		state = gw_src_view(&n.m.src).state;
		if (ev->type == GW_EV_RESOLVED &&
			gw_src_resolvable(&n.m.src, (enum gw_resolution)ev->value, true, &why) ==
				GW_RESOLVE_OK)
			n.ghost.facts |= ev->value == GW_RESOLVE_HERE ? PERSON_HERE : PERSON_AWAY;
		gw_src_step(&n.m.src, ev, &out);
		source_rules(&n.ghost, &out, state, event);
		/* In all other cases the session goes on as if nothing had been. */
		if (ev->type == GW_EV_HOOKED && ev->result != 0 && n.m.src.conf.hook_required)
			n.ghost.facts |= HOOK_FAILED;
		hook_rules(&n.ghost, &n.m.src.conf, &out, state, event);
		if (gw_src_view(&n.m.src).over && gw_src_view(&n.m.src).result != GW_COMPLETED)
			RULE(gw_src_view(&n.m.src).error[0] != '\0', "a failure has a text");
	} else {
		over = gw_dst_view(&n.m.dst).over;
		state = gw_dst_view(&n.m.dst).state;
		if (ev->type == GW_EV_COMMIT && ev->value != 0)
			n.ghost.facts |= HAS_PAUSED_GUEST;
		gw_dst_step(&n.m.dst, ev, &out);
		sink_rules(&n.ghost, &out, state, event);
		hook_rules(&n.ghost, &n.m.dst.conf, &out, state, event);
	}
	RULE(!over || out.n == 0, "nothing happens after FINISH");
	common_rules(&n.ghost, &out, state, event);
	normalise(&n, is_source);
	link_nodes(from, intern(&n));
}

static uint64_t values_of(int type)
{
	return type == GW_EV_DRAINED ? 3 : with_value & BIT(type) ? 2 : 1;
}

static void try_all(uint32_t from, bool is_source)
{
	static const int results[] = {0, -EIO, -ETIMEDOUT, -EPIPE};
	size_t n_results = is_source ? 2 : 4; /* the source asks only whether it went well */

	for (int t = 0; t < GW_EV_N && !broken; t++) {
		bool completes = (asked_for & BIT(t)) != 0;

		bool any_time = is_source && node[from].m.src.state > S_COMMITTING &&
				late & BIT(t) &&
				!(t == GW_EV_HV_OPENED && node[from].m.src.state == S_R_OPENING);

		if (completes && !any_time && !(node[from].ghost.waiting & BIT(t)))
			continue;
		if (t == GW_EV_TIMER && !(node[from].ghost.facts & ASKED_TIMER))
			continue;
		for (size_t r = 0; r < (completes ? n_results : 1); r++) {
			for (uint64_t value = 0; value < values_of(t); value++) {
				struct gw_session_event ev = {.type = (enum gw_session_event_type)t,
					.result = results[r],
					.value = value,
					.text = "why"};

				/* 0: converges; 1: does not; 2: converges, and one SYNC will do. */
				ev.sample.next_pages = value == 1 ? 1u << 30 : 0;
				ev.sample.rate_bps = ev.sample.dirty_bps = 10000000000ull;
				ev.sample.gap_ns = value == 2 ? 0 : 5000000;
				/* A session that had sent GO in an earlier life has its own test.
				 */
				if (t == GW_EV_RECOVER)
					ev.value = GW_STEP_PAUSING;
				try_event(from, &ev, is_source);
			}
		}
	}
}

static bool is_over(uint32_t i, bool is_source)
{
	return is_source ? gw_src_view(&node[i].m.src).over : gw_dst_view(&node[i].m.dst).over;
}

/* From every state some course of events leads to the end. */
static void no_dead_end(bool is_source)
{
	uint32_t *queue = malloc(nodes * sizeof(*queue)), head = 0, tail = 0;
	bool *seen = calloc(nodes, sizeof(*seen));

	CU_ASSERT_FATAL(queue != NULL && seen != NULL);
	for (uint32_t i = 0; i < nodes; i++) {
		if (is_over(i, is_source)) {
			seen[i] = true;
			queue[tail++] = i;
		}
	}
	while (head < tail) {
		for (uint32_t e = node[queue[head++]].first_from; e != UINT32_MAX;
			e = edge[e].next) {
			if (!seen[edge[e].from]) {
				seen[edge[e].from] = true;
				queue[tail++] = edge[e].from;
			}
		}
	}
	for (uint32_t i = 0; i < nodes && !broken; i++) {
		const char *state = is_source ? gw_src_view(&node[i].m.src).state
					      : gw_dst_view(&node[i].m.dst).state;
		const char *event = "none";

		RULE(seen[i], "no state is a dead end");
	}
	free(queue);
	free(seen);
}

/* unreachable: states that this configuration never enters. */
static void explore(const struct gw_session_conf *conf, bool is_source, uint64_t unreachable)
{
	struct node first;
	uint64_t reached = 0;

	memset(&first, 0, sizeof(first));
	if (is_source)
		first.m.src.conf = *conf;
	else
		first.m.dst.conf = *conf;
	node = malloc(MAX_NODES * sizeof(*node));
	table = calloc(TABLE, sizeof(*table));
	CU_ASSERT_FATAL(node != NULL && table != NULL);
	nodes = edges = 0;
	broken = false;
	intern(&first);
	for (uint32_t i = 0; i < nodes && !broken; i++) {
		reached |= BIT(is_source ? (int)node[i].m.src.state : (int)node[i].m.dst.state);
		try_all(i, is_source);
	}
	printf("%u nodes, %u steps ", nodes, edges);
	if (!broken)
		no_dead_end(is_source);
	for (int k = 0; k < (is_source ? (int)S_N : (int)K_N) && !conf->dry && !broken; k++)
		if (!((reached | unreachable) & BIT(k)))
			CU_FAIL("a state is out of reach of this test");
	free(node);
	free(table);
	free(edge);
	edge = NULL;
	edges_size = 0;
}

static const struct gw_session_conf plain = {
	.limits = {.blackout_ns = 50000000, .min_epoch_ns = 250000000, .label_max = 65000},
	.sync_timeout_ns = 1000000000,
	.commit_timeout_ns = 1000000000,
	.quit_after = true};

static void test_source(void)
{
	explore(&plain, true, BIT(S_POPULATING) | BIT(S_HOOKING));
}

static void test_source_leaves(void)
{
	struct gw_session_conf c = plain;

	c.quit_after = false;
	c.populate_first = true;
	c.limits.switch_on_limit = true;
	c.hooks = c.hook_required = true;
	explore(&c, true, BIT(S_QUITTING));
}

static void test_source_dry(void)
{
	struct gw_session_conf c = plain;

	c.dry = true;
	explore(&c, true, 0);
}

static void test_sink_hooks(void)
{
	struct gw_session_conf c = plain;

	c.hooks = true;
	explore(&c, false, 0);
}

static void test_sink(void)
{
	explore(&plain, false, 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"source", test_source},
		{"source that leaves its hypervisor, populates first, switches on the limit, and "
		 "has a hook",
			test_source_leaves},
		{"source, dry run", test_source_dry},
		{"destination", test_sink},
		{"destination with hooks", test_sink_hooks},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"every event in every state", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
