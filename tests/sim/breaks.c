/* SPDX-License-Identifier: BSD-3-Clause */
/* Breaches by standing between the files of the code under test (--wrap). */
#include "breaks.h"

#include "../../control/record.h"
#include "../../control/session.h"
#include "../../dataplane/dataplane.h"
#include "../../dataplane/path/rx_path.h"
#include "../../dataplane/stream/source.h"
#include "engine.h"

#include <string.h>

static enum sim_break on;

static const struct {
	const char *option, *what;
} names[SIM_BREAKS_N] = {
#define X(name, o, w) [SIM_BREAK_##name] = {o, w},
	SIM_BREAKS(X)
#undef X
};

bool sim_breaks_set(const char *option)
{
	for (int b = SIM_BREAK_NONE + 1; b < SIM_BREAKS_N; b++) {
		if (strcmp(names[b].option, option) != 0)
			continue;
		on = (enum sim_break)b;
		return true;
	}
	return false;
}

bool sim_breaks(enum sim_break b)
{
	return on == b;
}

void sim_breaks_list(FILE *f)
{
	for (int b = SIM_BREAK_NONE + 1; b < SIM_BREAKS_N; b++)
		fprintf(f, "  %-18s %s\n", names[b].option, names[b].what);
}

/* ---- page rule 1 ---- */

void __wrap_gw_source_open(struct gw_source *s, uint16_t label);
void __real_gw_source_open(struct gw_source *s, uint16_t label);
bool __wrap_gw_source_merge(struct gw_source *s);
bool __real_gw_source_merge(struct gw_source *s);

static struct {
	struct gw_source *s;
	uint16_t label;
	uint32_t rounds;
} late;

void __wrap_gw_source_open(struct gw_source *s, uint16_t label)
{
	uint32_t before = s->label;

	__real_gw_source_open(s, label);
	if (!sim_breaks(SIM_BREAK_LATE_LABEL) || before == 0)
		return;
	late.s = s;
	late.label = label;
	late.rounds = 20;
	s->label = before;
}

bool __wrap_gw_source_merge(struct gw_source *s)
{
	bool merged = __real_gw_source_merge(s);

	if (late.s == s && late.rounds-- == 0) {
		s->label = late.label;
		late.s = NULL;
	}
	return merged;
}

/* ---- counters, numbers ---- */

void __wrap_gw_source_settle(struct gw_source *s, uint32_t worker, const struct gw_tx_path *p,
	const struct gw_tx_record *r, bool lost);
void __real_gw_source_settle(struct gw_source *s, uint32_t worker, const struct gw_tx_path *p,
	const struct gw_tx_record *r, bool lost);

void __wrap_gw_source_settle(struct gw_source *s, uint32_t worker, const struct gw_tx_path *p,
	const struct gw_tx_record *r, bool lost)
{
	__real_gw_source_settle(s, worker, p, r, lost);
	if (sim_breaks(SIM_BREAK_MISCOUNT) && sim_chance(0.01))
		s->tally[worker].settled++;
}

uint64_t __wrap_gw_rx_path_ack(struct gw_rx_path *p, uint64_t now_ns, struct gw_wire_ack_body *a);
uint64_t __real_gw_rx_path_ack(struct gw_rx_path *p, uint64_t now_ns, struct gw_wire_ack_body *a);

uint64_t __wrap_gw_rx_path_ack(struct gw_rx_path *p, uint64_t now_ns, struct gw_wire_ack_body *a)
{
	uint64_t psn = __real_gw_rx_path_ack(p, now_ns, a);

	return sim_breaks(SIM_BREAK_REUSE_PSN) && psn > 0 && sim_chance(0.01) ? psn - 1 : psn;
}

/* ---- given-back pages ---- */

int64_t __wrap_gw_dp_source_find_holes(struct gw_dp_source *s, uint64_t *slice);
int64_t __real_gw_dp_source_find_holes(struct gw_dp_source *s, uint64_t *slice);

int64_t __wrap_gw_dp_source_find_holes(struct gw_dp_source *s, uint64_t *slice)
{
	return sim_breaks(SIM_BREAK_SKIP_HOLES) ? 0 : __real_gw_dp_source_find_holes(s, slice);
}

int __wrap_gw_ram_punch_all(struct gw_ram *ram);
int __real_gw_ram_punch_all(struct gw_ram *ram);

int __wrap_gw_ram_punch_all(struct gw_ram *ram)
{
	return sim_breaks(SIM_BREAK_KEEP_MEMORY) ? 0 : __real_gw_ram_punch_all(ram);
}

/* ---- promises ---- */

int __wrap_gw_record_write(const char *run_dir, const struct gw_record *r, struct gw_err *err);
int __real_gw_record_write(const char *run_dir, const struct gw_record *r, struct gw_err *err);

int __wrap_gw_record_write(const char *run_dir, const struct gw_record *r, struct gw_err *err)
{
	return sim_breaks(SIM_BREAK_NO_RECORDS) ? 0 : __real_gw_record_write(run_dir, r, err);
}

void __wrap_gw_src_step(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out);
void __real_gw_src_step(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out);

void __wrap_gw_src_step(
	struct gw_src *s, const struct gw_session_event *ev, struct gw_session_actions *out)
{
	__real_gw_src_step(s, ev, out);
	if (sim_breaks(SIM_BREAK_RESUME_AFTER_GO) && ev->type == GW_EV_RECORDED &&
		ev->value == GW_STEP_GO)
		gw_session_do(out, GW_DO_RESUME, 0);
}
