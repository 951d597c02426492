/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory at the destination: mapped, populated ahead, verified, given back. */
#include "sink_run.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"

#include <errno.h>
#include <string.h>

#define ANNOUNCE_NS (2 * GW_NS_PER_MS)

/* ---- map ---- */

/* The wire names regions as the source does, in its order; here they are found by name. */
static int match_region(const struct gw_exporter_info *info, const json_t *theirs,
	struct gw_ram_region *out, struct gw_err *err)
{
	char name[GW_EXPORT_NAME_MAX];
	uint64_t id, size;

	if (gw_message_text(theirs, "name", name, sizeof(name)) != 0 ||
		gw_message_u64(theirs, "id", 254, &id) != 0 ||
		gw_message_u64(theirs, "size", INT64_MAX, &size) != 0)
		return gw_err(err, -EPROTO, "the source's description of its memory is not valid");
	for (uint32_t i = 0; i < info->n_regions; i++) {
		const struct gw_export_region *r = &info->region[i];

		if (strcmp(r->name, name) != 0 || r->size != size)
			continue;
		*out = (struct gw_ram_region){.id = (uint8_t)id,
			.size = r->size,
			.file_offset = r->file_offset,
			.fd = info->region_fd[i]};
		return 0;
	}
	return gw_err(err, -ENOENT, "no memory region '%s' of %llu bytes here", name,
		(unsigned long long)size);
}

static int map(struct gw_dst_run *s, struct gw_err *err)
{
	const struct gw_exporter_info *info = gw_exporter_info(gw_hv_exporter(s->run.hv));
	const json_t *theirs = json_object_get(s->description, "regions");
	struct gw_ram_region region[GW_DP_MAX_REGIONS];
	uint32_t n = (uint32_t)json_array_size(theirs);
	uint64_t bytes = 0;
	int rc;

	if (json_array_size(theirs) != info->n_regions || n == 0 || n > GW_DP_MAX_REGIONS)
		return gw_err(err, -EPROTO, "the source has %zu memory regions, this VM %u",
			json_array_size(theirs), info->n_regions);
	for (uint32_t i = 0; i < n; i++) {
		rc = match_region(info, json_array_get(theirs, i), &region[i], err);
		if (rc != 0)
			return rc;
		for (uint32_t k = 0; k < i; k++)
			if (region[k].id == region[i].id || region[k].fd == region[i].fd)
				return gw_err(
					err, -EPROTO, "the source names a memory region twice");
		bytes += region[i].size;
	}
	gw_meter_total(s->run.meter, bytes);
	rc = gw_ram_map(region, n, true, &s->run.ram, err);
	if (rc == 0 && !s->run.env->config->migration.huge_pages)
		gw_ram_small_pages(s->run.ram);
	return rc;
}

void gw_dst_run_map(struct gw_dst_run *s)
{
	struct gw_populate_conf conf = {.ram = NULL};
	struct gw_err err = {.text = ""};
	int rc = map(s, &err);

	if (rc == 0) {
		/* All or much of a preallocated file is data, and of one that somebody left. */
		conf.ram = s->run.ram;
		s->had_data = !gw_ram_empty(s->run.ram);
		if (s->had_data)
			gw_run_populate(&s->run, &conf, &s->run.ahead);
	}
	gw_run_feed(&s->run, GW_EV_MAPPED, rc, 0, err.text);
}

/* ---- populate ---- */

static void populate_state(struct gw_job *job, void *arg)
{
	struct gw_dst_run *s = arg;

	(void)job; /* takes milliseconds */
	gw_dp_sink_populate_state(s->stream);
}

void gw_dst_run_populate(struct gw_dst_run *s)
{
	const struct gw_populate_conf conf = {
		.ram = s->run.ram, .extents = s->extents, .sink = s->had_data ? s->stream : NULL};

	gw_run_populate(&s->run, &conf, &s->run.populate);
	gw_run_job(&s->run, populate_state, NULL, s); /* or else it takes its faults */
}

void gw_dst_run_announce(struct gw_dst_run *s, uint64_t now_ns)
{
	if (s->run.populate == NULL || now_ns < s->announce_ns)
		return;
	s->announce_ns = now_ns + ANNOUNCE_NS;
	if (gw_populate_error(s->run.populate) != 0) {
		/* Its tick says that. */
		if (gw_ram_broken(s->run.ram))
			return;
		gw_run_fault(&s->run, "cannot populate memory: %s",
			strerror(-gw_populate_error(s->run.populate)));
		return;
	}
	if (s->had_data && !gw_populate_may_show(s->run.populate, now_ns))
		return;
	for (uint32_t i = 0; i < gw_ram_regions(s->run.ram); i++) {
		uint64_t pages, mark = gw_populate_mark(s->run.populate, i);
		uint8_t id;

		if (mark == s->announced[i])
			continue;
		s->announced[i] = mark;
		gw_ram_region(s->run.ram, i, &id, &pages);
		gw_run_send(&s->run, GW_MESSAGE_POPULATED,
			json_pack("{s:i, s:I}", "region", (int)id, "pages", (json_int_t)mark));
	}
}

/* ---- after the fence ---- */

static void settle(struct gw_job *job, void *arg)
{
	struct gw_dst_run *s = arg;

	s->job_result = gw_dp_sink_punch(s->stream);
	if (s->job_result == 0 && s->verify != NULL)
		gw_verify_work(job, s->verify);
}

static int take_state(struct gw_dst_run *s, struct gw_err *err)
{
	struct gw_digest128 d;
	int rc = gw_dp_sink_state(s->stream, s->state_size, &s->state, err);

	if (rc != 0)
		return rc;
	d = gw_digest_bytes(s->state, s->state_size);
	if (d.low != s->state_digest.low || d.high != s->state_digest.high)
		return gw_err(err, -EBADMSG, "the device state arrived damaged");
	return 0;
}

static void settled(void *arg)
{
	struct gw_dst_run *s = arg;
	struct gw_err err = {.text = ""};
	int rc = s->job_result;

	if (rc == 0 && s->verify != NULL)
		rc = gw_verify_result(s->verify);
	if (rc != 0)
		gw_err(&err, rc, "%s", strerror(-rc));
	else
		rc = take_state(s, &err);
	if (rc != 0 || s->verify == NULL) {
		gw_run_feed(&s->run, GW_EV_VERIFIED, rc, 0, err.text);
		return;
	}
	s->verify_done = true;
	gw_dst_run_compare(s);
}

void gw_dst_run_verify(struct gw_dst_run *s)
{
	int rc;

	/* The guest waits: no thread where there is nothing for it to do. */
	if (s->verify == NULL && !gw_dp_sink_must_punch(s->stream)) {
		s->job_result = 0;
		settled(s);
		return;
	}
	rc = gw_run_job(&s->run, settle, settled, s);
	if (rc != 0)
		gw_run_feed(&s->run, GW_EV_VERIFIED, rc, 0, strerror(-rc));
}

void gw_dst_run_compare(struct gw_dst_run *s)
{
	uint64_t mismatched;
	char text[96];
	json_t *question;

	if (!s->verify_done || !gw_verify_complete(s->verify))
		return;
	question = gw_verify_question(s->verify);
	if (question != NULL) {
		gw_run_send(&s->run, GW_MESSAGE_DIGEST_ASK, question);
		return;
	}
	mismatched = gw_verify_mismatched(s->verify);
	gw_meter_verified(s->run.meter, gw_verify_total(s->verify), mismatched);
	snprintf(text, sizeof(text), "%llu of %llu pages", (unsigned long long)mismatched,
		(unsigned long long)gw_verify_total(s->verify));
	gw_run_feed(&s->run, GW_EV_VERIFIED, mismatched > 0 ? -EBADMSG : 0, 0, text);
}

/* ---- give back ---- */

static void punch(struct gw_job *job, void *arg)
{
	struct gw_dst_run *s = arg;

	(void)job; /* runs to its end: nothing is left behind */
	s->job_result = gw_ram_punch_all(s->run.ram);
}

static void punched(void *arg)
{
	struct gw_dst_run *s = arg;

	if (s->job_result != 0)
		gw_warn("session %s (%s): cannot give memory back: %s", s->run.id, s->run.vm,
			strerror(-s->job_result));
	gw_run_feed(&s->run, GW_EV_PUNCHED, 0, 0, NULL);
}

static void punch_now(struct gw_run *run)
{
	struct gw_dst_run *s = gw_dst_run_of(run);

	if (run->ram == NULL || gw_run_job(run, punch, punched, s) != 0)
		gw_run_feed(run, GW_EV_PUNCHED, 0, 0, NULL);
}

void gw_dst_run_punch(struct gw_dst_run *s)
{
	gw_run_when_free(&s->run, punch_now);
}
