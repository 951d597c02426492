/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor: any bytes from a QEMU. The first byte says in what pieces they come; what
 * comes as an answer is taken for all the answers of which VM and hazards are made up. */
#include "../../control/hypervisor/describe.h"
#include "../../control/hypervisor/hazards.h"
#include "../../control/hypervisor/qemu_event.h"
#include "../../control/hypervisor/qmp_frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const json_t *answers, unsigned int qemu_major)
{
	struct gw_exporter_info info = {.caps = GW_EXPORT_CAP_TRACK, .n_regions = 2};
	struct gw_hazards_end end = {.role = GW_HV_SOURCE,
		.run = GW_HV_RUNNING,
		.info = &info,
		.qemu_major = qemu_major};
	json_t *described, *reasons;

	for (uint32_t i = 0; i < info.n_regions; i++) {
		info.region[i] = (struct gw_export_region){
			.size = 128 << 20, .page_size = 4096, .flags = GW_EXPORT_REGION_TMPFS};
		info.region[i].name[0] = (char)('m' + i);
	}
	described = gw_describe_base("qemu", "7.2.0", &info, GW_HV_RUNNING);
	gw_describe_qemu(described, answers);
	end.description = described;
	reasons = gw_hazards_export(&info, end.role, end.run);
	gw_hazards_qemu(reasons, &end, answers);
	if (!json_is_object(described) || !json_is_array(reasons))
		abort();
	json_decref(reasons);
	reasons = gw_hv_compare(described, answers);
	if (!json_is_array(reasons))
		abort();
	json_decref(reasons);
	json_decref(described);
	gw_hv_run_from_qemu(answers);
}

static void read_message(const struct gw_qmp_message *m)
{
	char text[192];

	switch (m->kind) {
	case GW_QMP_GREETING:
	case GW_QMP_RETURN:
		judge(m->data, m->id % 2 == 0 ? 7 : 10);
		break;
	case GW_QMP_EVENT:
		if (gw_qemu_event_changes(m->event, m->data, text, sizeof(text)) &&
			strnlen(text, sizeof(text)) == sizeof(text))
			abort();
		break;
	case GW_QMP_ERROR:
		if (m->error_class == NULL || m->error_desc == NULL)
			abort();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = size > 0 ? 1 + (size_t)data[0] * 16 : 1;
	struct gw_qmp_frame f = {0};
	struct gw_qmp_message m;
	struct gw_err err;
	int rc = 0;

	for (size_t at = 1; at < size && rc >= 0;) {
		size_t room, n = size - at < step ? size - at : step;
		char *to = gw_qmp_frame_room(&f, &room);

		if (to == NULL)
			break;
		n = n < room ? n : room;
		memcpy(to, data + at, n);
		gw_qmp_frame_filled(&f, n);
		at += n;
		while ((rc = gw_qmp_frame_next(&f, &m, &err)) == 1) {
			read_message(&m);
			gw_qmp_message_clear(&m);
		}
	}
	gw_qmp_frame_clear(&f);
	return 0;
}
