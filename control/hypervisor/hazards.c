/* SPDX-License-Identifier: BSD-3-Clause */
#include "hazards.h"

#include "describe.h"
#include "reason.h"

#include <string.h>

const char *gw_hazards_where(enum gw_hv_role role)
{
	return role == GW_HV_SOURCE ? "source" : "destination";
}

static void check_run_state(
	json_t *reasons, const char *where, enum gw_hv_role role, enum gw_hv_run run)
{
	if (role == GW_HV_SOURCE && run != GW_HV_RUNNING && run != GW_HV_PAUSED)
		gw_reason_add(reasons, where, "guest_state",
			"migrate a guest that runs or is paused", "the guest is in state '%s'",
			gw_hv_run_name(run));
	if (role == GW_HV_DESTINATION && run != GW_HV_INCOMING)
		gw_reason_add(reasons, where, "not_incoming",
			"start it anew, waiting for a migration (QEMU: -incoming defer -S, "
			"godwit-guest: --incoming)",
			"the guest does not wait for a migration, it is in state '%s'",
			gw_hv_run_name(run));
}

static void check_region(json_t *reasons, const char *where, const struct gw_export_region *region)
{
	if (region->flags & GW_EXPORT_REGION_HUGETLB)
		gw_reason_add(reasons, where, "memory_hugetlb",
			"back the guest with shared memory of normal pages (tmpfs)",
			"memory '%s' is backed by huge pages: writes would be tracked in pieces of "
			"%u "
			"KiB",
			region->name, region->page_size >> 10);
	else if (!(region->flags & GW_EXPORT_REGION_TMPFS))
		gw_reason_add(reasons, where, "memory_on_disk",
			"put the memory file on a tmpfs, such as /dev/shm (libvirt: "
			"memory_backing_dir)",
			"memory '%s' is a file on a disk file system, where writes cannot be "
			"tracked",
			region->name);
}

json_t *gw_hazards_export(
	const struct gw_exporter_info *info, enum gw_hv_role role, enum gw_hv_run run)
{
	const char *where = gw_hazards_where(role);
	json_t *reasons = json_array();

	if (reasons == NULL)
		return NULL;
	check_run_state(reasons, where, role, run);
	if (role == GW_HV_SOURCE && !(info->caps & GW_EXPORT_CAP_TRACK))
		gw_reason_add(reasons, where, "tracking_unavailable",
			"a kernel of 6.7 or newer with userfaultfd write protection is needed, and "
			"access to it (/dev/userfaultfd)",
			"writes of the guest cannot be tracked: %s",
			info->track_error[0] != '\0' ? info->track_error : "no reason given");
	if (info->n_regions == 0)
		gw_reason_add(reasons, where, "memory_not_exported",
			"give the guest a shared memory backend (memory-backend-file, share=on)",
			"the exporter found no guest memory that it can share");
	for (uint32_t i = 0; i < info->n_regions; i++)
		check_region(reasons, where, &info->region[i]);
	return reasons;
}

static void check_blockers(json_t *reasons, const char *where, const json_t *migrate)
{
	static const char *const over[] = {"completed", "failed", "cancelled", "none"};
	const char *status = json_string_value(json_object_get(migrate, "status"));
	const json_t *text;
	size_t i;

	json_array_foreach(json_object_get(migrate, "blocked-reasons"), i, text)
		gw_reason_add(reasons, where, "migration_blocked",
			"remove what QEMU names, or wait until it ends", "QEMU: %s",
			json_is_string(text) ? json_string_value(text) : "no reason given");
	for (i = 0; status != NULL && i < sizeof(over) / sizeof(over[0]); i++)
		if (strcmp(status, over[i]) == 0)
			status = NULL;
	if (status != NULL)
		gw_reason_add(reasons, where, "migration_active",
			"wait for the other migration, or cancel it",
			"another migration of this VM is under way (%s)", status);
}

static bool job_is_over(const json_t *job)
{
	const char *status = json_string_value(json_object_get(job, "status"));

	return status != NULL && (strcmp(status, "concluded") == 0 || strcmp(status, "null") == 0);
}

/* query-jobs knows all that query-block-jobs does, except for jobs without a name. */
static void check_jobs(json_t *reasons, const char *where, const json_t *jobs, const char *id_key)
{
	const json_t *job;
	size_t i;

	json_array_foreach(jobs, i, job)
	{
		const char *id = json_string_value(json_object_get(job, id_key));
		const char *type = json_string_value(json_object_get(job, "type"));

		if (!job_is_over(job))
			gw_reason_add(reasons, where, "block_job", "wait for the job, or cancel it",
				"a job runs: %s '%s'", type != NULL ? type : "of unknown kind",
				id != NULL ? id : "");
	}
}

/* QEMU has no event for a device that is plugged, and the other end has been compared with what was
 * there before. */
static void check_unchanged(
	json_t *reasons, const struct gw_hazards_end *end, const json_t *answers)
{
	const json_t *before = json_object_get(end->description, "devices");
	json_t *now = gw_describe_devices(answers);

	if (before != NULL && !gw_devices_equal(before, now))
		gw_reason_add(reasons, gw_hazards_where(end->role), "devices_changed",
			"start the migration again, with the same devices on both ends",
			"devices were plugged or unplugged since the migration began");
	json_decref(now);
}

void gw_hazards_qemu(json_t *reasons, const struct gw_hazards_end *end, const json_t *answers)
{
	const char *where = gw_hazards_where(end->role);
	const json_t *jobs = json_object_get(answers, "jobs");

	check_blockers(reasons, where, json_object_get(answers, "migrate"));
	if (json_array_size(jobs) > 0)
		check_jobs(reasons, where, jobs, "id");
	else
		check_jobs(reasons, where, json_object_get(answers, "block_jobs"), "device");
	check_unchanged(reasons, end, answers);
	gw_hazards_devices(reasons, where, answers);
	gw_hazards_memory(reasons, end, answers);
}
