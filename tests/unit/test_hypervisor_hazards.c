/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor/hazards.c, hazards_device.c, hazards_memory.c */
#include "../../control/hypervisor/hazards.h"

#include "json_text.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

static struct gw_exporter_info info;

/* What a QEMU answers that has nothing against a migration. */
static json_t *clean_answers(void)
{
	return json("{'migrate':{},'jobs':[],'block_jobs':[],"
		    "'block_nodes':[{'drv':'qcow2','node-name':'#b1','file':'/d.qcow2',"
		    "'cache':{'direct':false}}],"
		    "'peripheral':[{'name':'type','type':'string'},"
		    "{'name':'net0','type':'child<virtio-net-pci>'}],"
		    "'peripheral-anon':[],'unattached':[],'pci':[],"
		    "'objects':[{'name':'m','type':'child<memory-backend-file>'}],"
		    "'network':'net0: index=0,type=nic,model=virtio-net-pci\\r\\n"
		    " \\\\ n0: index=0,type=tap,ifname=tap0,script=no\\r\\n',"
		    "'memdevs':[{'id':'m','size':134217728,'share':true}],"
		    "'ramblock':{'human-readable-text':'h\\n m 4 KiB 0x0 0x8000000 0x8000000\\n"
		    " vga.vram 4 KiB 0x0 0x4000000 0x4000000\\n'}}");
}

static void setup_info(void)
{
	memset(&info, 0, sizeof(info));
	info.caps = GW_EXPORT_CAP_TRACK;
	info.n_regions = 1;
	info.region[0].size = 128 << 20;
	info.region[0].page_size = 4096;
	info.region[0].flags = GW_EXPORT_REGION_TMPFS;
	strcpy(info.region[0].name, "m");
}

static json_t *evaluate(json_t *answers, enum gw_hv_role role, unsigned int qemu_major)
{
	struct gw_hazards_end end = {
		.role = role,
		.run = role == GW_HV_SOURCE ? GW_HV_RUNNING : GW_HV_INCOMING,
		.info = &info,
		.qemu_major = qemu_major,
	};
	json_t *reasons = gw_hazards_export(&info, role, end.run);

	gw_hazards_qemu(reasons, &end, answers);
	json_decref(answers);
	return reasons;
}

static const json_t *find_code(const json_t *reasons, const char *code)
{
	const json_t *reason;
	size_t i;

	json_array_foreach(reasons, i,
		reason) if (strcmp(json_string_value(json_object_get(reason, "code")), code) ==
			    0) return reason;
	return NULL;
}

/* Exactly one reason, with this code and this word in its message. */
static void expect_one(json_t *reasons, const char *code, const char *word)
{
	const json_t *reason = find_code(reasons, code);

	CU_ASSERT_EQUAL(json_array_size(reasons), 1);
	CU_ASSERT_PTR_NOT_NULL(reason);
	if (reason != NULL) {
		CU_ASSERT_PTR_NOT_NULL(
			strstr(json_string_value(json_object_get(reason, "message")), word));
		CU_ASSERT(strlen(json_string_value(json_object_get(reason, "remedy"))) > 0);
	}
	json_decref(reasons);
}

static void expect_none(json_t *reasons)
{
	CU_ASSERT_EQUAL(json_array_size(reasons), 0);
	json_decref(reasons);
}

static void changed(
	const char *key, const char *value, unsigned int major, const char *code, const char *word)
{
	json_t *answers = clean_answers();

	setup_info();
	if (value != NULL)
		json_object_set_new(answers, key, json(value));
	else
		json_object_del(answers, key);
	expect_one(evaluate(answers, GW_HV_SOURCE, major), code, word);
}

static void test_clean(void)
{
	for (unsigned int major = 7; major <= 10; major++) {
		setup_info();
		expect_none(evaluate(clean_answers(), GW_HV_SOURCE, major));
		expect_none(evaluate(clean_answers(), GW_HV_DESTINATION, major));
	}
}

static void test_devices(void)
{
	static const struct {
		const char *type, *code;
	} rows[] = {
		{"vfio-pci", "vfio_device"},
		{"vfio-pci-nohotplug", "vfio_device"},
		{"vfio-user-pci", "vfio_user_device"},
		{"x-vfio-user-server", "vfio_user_device"},
		{"vhost-user-blk-pci", "vhost_user_device"},
		{"vhost-user-fs-pci", "vhost_user_device"},
		{"vhost-vdpa-device-pci", "vdpa_device"},
		{"virtio-mem-pci", "virtio_mem"},
		{"vhost-scsi-pci", "direct_io"},
		{"scsi-block", "direct_io"},
		{"scsi-generic", "direct_io"},
		{"pvrdma", "rdma_device"},
		{"cryptodev-vhost-user", "vhost_user_device"},
		{"x-pci-proxy-dev", "remote_device"},
	};
	static const char *const lists[] = {
		"peripheral", "peripheral-anon", "unattached", "objects"};
	char value[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(
			value, sizeof(value), "[{'name':'dev7','type':'child<%s>'}]", rows[i].type);
		for (size_t j = 0; j < sizeof(lists) / sizeof(lists[0]); j++)
			changed(lists[j], value, 7, rows[i].code, "dev7");
	}
	changed("peripheral", NULL, 7, "devices_unknown", "peripheral");
	changed("network", NULL, 7, "devices_unknown", "network");
	changed("network", "'hub\\r\\n \\\\ n1: index=0,type=vhost-user,chardev=c\\r\\n'", 7,
		"vhost_user_device", "'n1'");
	changed("network", "'n2: index=0,type=vhost-vdpa,vhostdev=/dev/x'", 7, "vdpa_device",
		"'n2'");
}

static void test_disks(void)
{
	static const struct {
		const char *driver, *code;
	} rows[] = {
		{"nvme-io_uring", "direct_io"},
		{"virtio-blk-vfio-pci", "vfio_device"},
		{"virtio-blk-vhost-user", "vhost_user_device"},
		{"virtio-blk-vhost-vdpa", "vdpa_device"},
	};
	char value[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(value, sizeof(value), "[{'drv':'%s','node-name':'n','file':'/d'}]",
			rows[i].driver);
		changed("block_nodes", value, 7, rows[i].code, "/d");
	}
	changed("block_nodes",
		"[{'drv':'raw','node-name':'f','file':'/d','cache':{'direct':true}},"
		"{'drv':'file','node-name':'p','file':'/d','cache':{'direct':true}}]",
		7, "direct_io", "/d");
	changed("block_nodes", "[{'drv':'nvme','node-name':'n','file':'nvme://x'}]", 7,
		"vfio_device", "nvme://x");
	changed("block_nodes", NULL, 7, "disks_unknown", "disks");
	changed("block_nodes", "[1, {}, {'cache':{'direct':true}}]", 7, "direct_io", "?");
}

static void test_busy(void)
{
	changed("migrate", "{'blocked-reasons':['9p is mounted']}", 7, "migration_blocked",
		"9p is mounted");
	changed("migrate", "{'status':'active'}", 7, "migration_active", "active");
	changed("jobs",
		"[{'id':'j1','type':'backup','status':'running'},"
		"{'id':'j0','type':'backup','status':'concluded'}]",
		7, "block_job", "backup 'j1'");
	changed("block_jobs", "[{'device':'j2','type':'mirror','status':'ready'}]", 7, "block_job",
		"mirror 'j2'");
}

static void test_memory(void)
{
	changed("memdevs", "[{'id':'m','size':134217728,'share':false}]", 7, "memory_private",
		"'m'");
	changed("memdevs", "[]", 7, "ram_block_in_stream", "'m'");
	changed("objects", "[{'name':'m','type':'child<memory-backend-memfd>'}]", 10,
		"memory_in_stream", "QEMU 10");
	changed("ramblock", "{'human-readable-text':'nonsense'}", 7, "ram_unknown", "RAM blocks");
	changed("ramblock", NULL, 7, "ram_unknown", "RAM blocks");
	changed("memdevs", NULL, 7, "ram_unknown", "RAM blocks");
	changed("ramblock",
		"{'human-readable-text':'h\\n m 4 KiB 0x0 0x8000000 0x8000000\\n"
		" vga.vram 4 KiB 0x0 0x4001000 0x4001000\\n'}",
		7, "ram_block_in_stream", "vga.vram");
	changed("ramblock",
		"{'human-readable-text':'h\\n 0000:00:03.0/m 4 KiB 0x0 0x8000000 0x8000000\\n"
		" m 4 KiB 0x0 0x8000000 0x8000000\\n'}",
		7, "memory_not_exported", "'m'");
}

static void test_memfd_is_fine_before_8(void)
{
	json_t *answers = clean_answers();

	setup_info();
	json_object_set_new(
		answers, "objects", json("[{'name':'m','type':'child<memory-backend-memfd>'}]"));
	expect_none(evaluate(answers, GW_HV_SOURCE, 7));
}

static void test_regions(void)
{
	setup_info();
	info.region[0].flags = 0;
	expect_one(evaluate(clean_answers(), GW_HV_SOURCE, 7), "memory_on_disk", "'m'");
	info.region[0].flags = GW_EXPORT_REGION_HUGETLB;
	info.region[0].page_size = 2 << 20;
	expect_one(evaluate(clean_answers(), GW_HV_SOURCE, 7), "memory_hugetlb", "2048 KiB");
	setup_info();
	info.region[0].size = 4096;
	expect_one(evaluate(clean_answers(), GW_HV_SOURCE, 7), "memory_not_exported", "'m'");
	/* An exporter that does not know the backend's name: the size decides. */
	setup_info();
	strcpy(info.region[0].name, "ram-file");
	expect_none(evaluate(clean_answers(), GW_HV_SOURCE, 7));
	/* Only the source is tracked. */
	setup_info();
	info.caps = 0;
	strcpy(info.track_error, "kernel 6.1 has no PAGEMAP_SCAN");
	expect_one(
		evaluate(clean_answers(), GW_HV_SOURCE, 7), "tracking_unavailable", "PAGEMAP_SCAN");
	expect_none(evaluate(clean_answers(), GW_HV_DESTINATION, 7));
}

static void test_run_state(void)
{
	setup_info();
	expect_one(
		gw_hazards_export(&info, GW_HV_SOURCE, GW_HV_SHUTDOWN), "guest_state", "shutdown");
	expect_one(
		gw_hazards_export(&info, GW_HV_SOURCE, GW_HV_INCOMING), "guest_state", "incoming");
	expect_one(gw_hazards_export(&info, GW_HV_DESTINATION, GW_HV_RUNNING), "not_incoming",
		"running");
	expect_none(gw_hazards_export(&info, GW_HV_SOURCE, GW_HV_PAUSED));
}

static void test_devices_changed(void)
{
	json_t *description = json("{'devices':['device net0 virtio-net-pci']}");
	json_t *answers = clean_answers(), *reasons = json_array();
	struct gw_hazards_end end = {.role = GW_HV_SOURCE, .info = &info, .qemu_major = 7};

	setup_info();
	end.description = description;
	gw_hazards_qemu(reasons, &end, answers);
	CU_ASSERT_EQUAL(json_array_size(reasons), 0);
	json_array_append_new(json_object_get(answers, "peripheral"),
		json("{'name':'rng0','type':'child<virtio-rng-pci>'}"));
	gw_hazards_qemu(reasons, &end, answers);
	expect_one(reasons, "devices_changed", "plugged");
	json_decref(answers);
	json_decref(description);
}

static void test_all_at_once(void)
{
	json_t *answers = clean_answers(), *reasons;

	setup_info();
	info.caps = 0;
	json_object_set_new(answers, "migrate", json("{'blocked-reasons':['a','b']}"));
	json_object_set_new(answers, "peripheral",
		json("[{'name':'v0','type':'child<vfio-pci>'},"
		     "{'name':'v1','type':'child<vfio-pci>'}]"));
	json_object_set_new(answers, "memdevs", json("[]"));
	reasons = evaluate(answers, GW_HV_SOURCE, 7);
	CU_ASSERT_EQUAL(json_array_size(reasons), 6);
	json_decref(reasons);
}

static void test_nonsense(void)
{
	setup_info();
	json_decref(evaluate(json("{}"), GW_HV_SOURCE, 7));
	json_decref(evaluate(json("[]"), GW_HV_SOURCE, 7));
	json_decref(evaluate(json("{'migrate':[1],'jobs':{'a':1},'block_nodes':{},"
				  "'peripheral':[{'name':1,'type':2},3],'objects':'x','network':5,"
				  "'memdevs':[[]],'ramblock':[]}"),
		GW_HV_DESTINATION, 10));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a clean VM", test_clean},
		{"devices that write from outside", test_devices},
		{"disks", test_disks},
		{"blockers, migrations, jobs", test_busy},
		{"memory backends", test_memory},
		{"memfd before QEMU 8", test_memfd_is_fine_before_8},
		{"exported regions, tracking", test_regions},
		{"run state", test_run_state},
		{"devices changed since open", test_devices_changed},
		{"all at once", test_all_at_once},
		{"answers that make no sense", test_nonsense},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"hypervisor hazards", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
