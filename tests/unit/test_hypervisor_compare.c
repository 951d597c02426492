/* SPDX-License-Identifier: BSD-3-Clause */
/* control/hypervisor/compare.c, describe.c, ramblock.c, qemu_event.c, qemu_caps.c */
#include "../../control/hypervisor/describe.h"
#include "../../control/hypervisor/qemu_caps.h"
#include "../../control/hypervisor/qemu_event.h"
#include "../../control/hypervisor/ramblock.h"

#include "json_text.h"
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char vm[] =
	"{'kind':'qemu','version':'7.2.22','machine':'pc-i440fx-7.2','accel':'kvm',"
	"'uuid':'11111111-2222-3333-4444-555555555555','memory_bytes':134217728,"
	"'regions':[{'id':0,'name':'m','size':134217728,'page_size':4096,'numa_node':-1}],"
	"'ram_blocks':[{'name':'m','size':134217728,'page_size':4096},"
	"{'name':'pc.rom','size':131072,'page_size':4096}],"
	"'devices':['device net0 virtio-net-pci','cpu host-x86_64-cpu','cpu host-x86_64-cpu'],"
	"'run_state':'running'}";

static bool has_code(const json_t *reasons, const char *code)
{
	const json_t *reason;
	size_t i;

	json_array_foreach(reasons, i, reason)
	{
		CU_ASSERT(json_is_string(json_object_get(reason, "where")));
		CU_ASSERT(json_is_string(json_object_get(reason, "message")));
		CU_ASSERT(json_is_string(json_object_get(reason, "remedy")));
		if (strcmp(json_string_value(json_object_get(reason, "code")), code) == 0)
			return true;
	}
	return false;
}

/* Comparing vm with itself, after key was set to value: the only reason is code (NULL: none). */
static void compare_changed(const char *key, const char *value, const char *code)
{
	json_t *source = json(vm), *destination = json(vm), *reasons;

	if (value != NULL)
		json_object_set_new(destination, key, json(value));
	else
		json_object_del(destination, key);
	reasons = gw_hv_compare(source, destination);
	CU_ASSERT_EQUAL(json_array_size(reasons), code != NULL);
	if (code != NULL)
		CU_ASSERT(has_code(reasons, code));
	json_decref(reasons);
	reasons = gw_hv_compare(destination, source);
	CU_ASSERT_EQUAL(json_array_size(reasons), code != NULL);
	json_decref(reasons);
	json_decref(source);
	json_decref(destination);
}

static void test_compare(void)
{
	compare_changed("version", "'10.0.13'", NULL);
	compare_changed("run_state", "'incoming'", NULL);
	compare_changed("kind", "'native'", "kind_differs");
	compare_changed("machine", "'pc-i440fx-9.0'", "machine_type_differs");
	compare_changed("machine", NULL, "machine_type_differs");
	compare_changed("machine", "17", "machine_type_differs");
	compare_changed("accel", "'tcg'", "accel_differs");
	compare_changed("uuid", "'99999999-2222-3333-4444-555555555555'", "uuid_differs");
	compare_changed("uuid", "'00000000-0000-0000-0000-000000000000'", NULL);
	compare_changed("memory_bytes", "1", "memory_size_differs");
	compare_changed("memory_bytes", "'much'", "memory_size_differs");
	compare_changed("regions", "[]", "regions_differ");
	compare_changed("regions", "[{'id':0,'name':'m','size':4096}]", "regions_differ");
	compare_changed("regions", "[{'id':0,'name':'ram','size':134217728}]", NULL);
	compare_changed("regions", "[17, null, {'size':[]}]", "regions_differ");
	compare_changed("regions", NULL, "regions_differ");
	compare_changed("ram_blocks", "[{'name':'m','size':134217728}]", "ram_blocks_differ");
	compare_changed("ram_blocks",
		"[{'name':'pc.rom','size':131072},{'name':'m','size':134217728}]", NULL);
	compare_changed("devices",
		"['cpu host-x86_64-cpu','device net0 virtio-net-pci','cpu host-x86_64-cpu']", NULL);
	compare_changed("devices", "['cpu host-x86_64-cpu','device net0 virtio-net-pci']",
		"devices_differ");
	compare_changed("devices", "[{}, 3]", "devices_differ");
	compare_changed("devices", NULL, "devices_differ");
}

static void test_compare_reports_all(void)
{
	json_t *source = json(vm);
	json_t *destination = json("{'machine':'q35','devices':['cpu x'],'memory_bytes':5}");
	json_t *reasons = gw_hv_compare(source, destination);

	CU_ASSERT_EQUAL(json_array_size(reasons), 8);
	json_decref(reasons);
	reasons = gw_hv_compare(NULL, NULL);
	CU_ASSERT_EQUAL(json_array_size(reasons), 0);
	json_decref(reasons);
	json_decref(source);
	json_decref(destination);
}

static void test_compare_many_names(void)
{
	json_t *source = json(vm), *destination = json(vm), *reasons, *devices = json_array();
	char name[64];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "device a-rather-long-name-%d virtio-net-pci", i);
		json_array_append_new(devices, json_string(name));
	}
	json_object_set_new(destination, "devices", devices);
	reasons = gw_hv_compare(source, destination);
	CU_ASSERT(has_code(reasons, "devices_differ"));
	json_decref(reasons);
	json_decref(source);
	json_decref(destination);
}

static void check_block(const json_t *block, const char *name, json_int_t page, json_int_t size)
{
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(block, "name")), name);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(block, "page_size")), page);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(block, "size")), size);
}

static void test_ramblock(void)
{
	/* 10.0 has two columns more than 7.2; names may hold blanks and even sizes. */
	json_t *blocks = gw_ramblock_parse(
		"              Block Name    PSize              Offset               Used"
		"              Total                HVA  RO\n"
		"                       m    4 KiB  0x0000000000000000 0x0000000004000000 "
		"0x0000000004000000 0x00007efe0ffff000  rw\n"
		"    /rom@etc/acpi/tables    4 KiB  0x00000000040c0000 0x0000000000020000 "
		"0x0000000000200000\r\n"
		"           a 2 MiB block    2 MiB  0x00000000040c0000 0x0000000000020000 "
		"0x0000000000200000\n"
		"                    huge    1 GiB  0x00000000040c0000 0x0000000040000000 "
		"0x0000000040000000\n");

	CU_ASSERT_EQUAL_FATAL(json_array_size(blocks), 4);
	check_block(json_array_get(blocks, 0), "m", 4096, 64 << 20);
	check_block(json_array_get(blocks, 1), "/rom@etc/acpi/tables", 4096, 2 << 20);
	check_block(json_array_get(blocks, 2), "a 2 MiB block", 2 << 20, 2 << 20);
	check_block(json_array_get(blocks, 3), "huge", 1 << 30, 1 << 30);
	json_decref(blocks);
}

static void test_ramblock_not_understood(void)
{
	static const char *const texts[] = {
		"",
		"Block Name PSize\n",
		"header\n m 4 KiB 0x0 0x1000\n",
		"header\n m 4 KiB 0x0 0x2000 0x1000\n",
		"header\n m 0 KiB 0x0 0x1000 0x1000\n",
		"header\n m 4 XiB 0x0 0x1000 0x1000\n",
		"header\n m 4096 0x0 0x1000 0x1000\n",
		"header\n 4 KiB 0x0 0x1000 0x1000\n",
		"header\n m 4 KiB 0x0 0x1000 0xffffffffffffffff\n",
		"header\n m 4 KiB 0x0 0x1000 0x1000\n iB\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CU_ASSERT_PTR_NULL(gw_ramblock_parse(texts[i]));
}

static void test_describe(void)
{
	struct gw_exporter_info *info = calloc(1, sizeof(*info));
	json_t *answers =
		json("{'status':{'status':'inmigrate','running':false},'kvm':{'enabled':true},"
		     "'uuid':{'UUID':'11111111-2222-3333-4444-555555555555'},"
		     "'machine':'pc-i440fx-7.2-machine','memory':{'base-memory':100,'plugged-"
		     "memory':28},"
		     "'ramblock':{'human-readable-text':'h\\n m 4 KiB 0x0 0x1000 0x1000\\n'},"
		     "'pci':[{'bus':0,'devices':[{'slot':2,'function':1,"
		     "'id':{'vendor':6900,'device':4096}}]}],"
		     "'peripheral':[{'name':'type','type':'string'},"
		     "{'name':'net0','type':'child<virtio-net-pci>'}],"
		     "'peripheral-anon':[{'name':'device[0]','type':'child<VGA>'}],"
		     "'unattached':[{'name':'device[0]','type':'child<host-x86_64-cpu>'},"
		     "{'name':'x','type':'child<irq>'}]}");
	json_t *description, *devices;

	info->n_regions = 1;
	strcpy(info->region[0].name, "\xff not UTF-8");
	info->region[0].size = 4096;
	description = gw_describe_base("qemu", "7.2.22", info, GW_HV_RUNNING);
	CU_ASSERT_PTR_NOT_NULL_FATAL(description);
	gw_describe_qemu(description, answers);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(description, "machine")), "pc-i440fx-7.2");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(description, "accel")), "kvm");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(description, "memory_bytes")), 128);
	CU_ASSERT_EQUAL(json_array_size(json_object_get(description, "ram_blocks")), 1);
	devices = json("['device net0 virtio-net-pci','device VGA','cpu host-x86_64-cpu',"
		       "'pci 02.1 1af4:1000']");
	CU_ASSERT(gw_devices_equal(json_object_get(description, "devices"), devices));
	CU_ASSERT_EQUAL(gw_hv_run_from_qemu(json_object_get(answers, "status")), GW_HV_INCOMING);
	CU_ASSERT_EQUAL(gw_hv_run_from_qemu(NULL), GW_HV_OTHER);
	json_decref(devices);
	json_decref(description);

	/* Answers of wrong types, or none. */
	description = gw_describe_base("qemu", "", info, GW_HV_RUNNING);
	json_decref(answers);
	answers = json("{'machine':1,'memory':[],'ramblock':'x','pci':{},'peripheral':[1,{}],"
		       "'kvm':{'enabled':'yes'},'uuid':7}");
	gw_describe_qemu(description, answers);
	CU_ASSERT_PTR_NULL(json_object_get(description, "machine"));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(description, "devices")), 0);
	json_decref(answers);
	json_decref(description);
	free(info);
}

/* What QEMU answers to query-uuid, to an exporter of this uuid. */
static int same_vm(const uint8_t uuid[16], const char *answers, struct gw_err *err)
{
	struct gw_exporter_info *info = calloc(1, sizeof(*info));
	json_t *told = json(answers);
	int rc;

	memcpy(info->uuid, uuid, sizeof(info->uuid));
	rc = gw_describe_same_vm(info, told, err);
	json_decref(told);
	free(info);
	return rc;
}

static void test_same_vm(void)
{
	static const uint8_t unknown[16], known[16] = {0xab, [5] = 0x05, [15] = 0x0f};
	static const char its[] = "{'uuid':{'UUID':'AB000000-0005-0000-0000-00000000000f'}}";
	static const char others[] = "{'uuid':{'UUID':'11111111-2222-3333-4444-555555555555'}}";
	static const char none[] = "{'uuid':{'UUID':'00000000-0000-0000-0000-000000000000'}}";
	struct gw_err err;

	CU_ASSERT_EQUAL(same_vm(known, its, &err), 0);
	CU_ASSERT_EQUAL(same_vm(known, others, &err), -EPERM);
	CU_ASSERT_STRING_EQUAL(err.text,
		"the exporter's VM has uuid ab000000-0005-0000-0000-00000000000f; allowed: "
		"'11111111-2222-3333-4444-555555555555', as QMP tells (query-uuid)");
	CU_ASSERT_EQUAL(same_vm(known, none, &err), -EPERM);
	CU_ASSERT_EQUAL(same_vm(known, "{'uuid':{'UUID':'1\\n<3>x'}}", &err), -EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "allowed: '1', as"));
	CU_ASSERT_EQUAL(same_vm(unknown, others, &err), 0);
	CU_ASSERT_EQUAL(same_vm(known, "{}", &err), 0); /* a QEMU that does not tell */
	CU_ASSERT_EQUAL(same_vm(known, "{'uuid':7}", &err), 0);
}

static void test_events(void)
{
	json_t *created = json("{'id':'j\\u0007b','status':'created'}");
	json_t *concluded = json("{'id':'j','status':'concluded'}");
	char text[64];

	CU_ASSERT(gw_qemu_event_changes("SHUTDOWN", NULL, text, sizeof(text)));
	CU_ASSERT(gw_qemu_event_changes("BLOCK_JOB_COMPLETED", NULL, text, sizeof(text)));
	CU_ASSERT(gw_qemu_event_changes("DEVICE_DELETED", NULL, text, sizeof(text)));
	CU_ASSERT(gw_qemu_event_changes("MEMORY_DEVICE_SIZE_CHANGE", NULL, text, sizeof(text)));
	CU_ASSERT(gw_qemu_event_changes("JOB_STATUS_CHANGE", created, text, sizeof(text)));
	CU_ASSERT_STRING_EQUAL(text, "a job was started (j b)");
	CU_ASSERT_FALSE(gw_qemu_event_changes("JOB_STATUS_CHANGE", concluded, text, sizeof(text)));
	CU_ASSERT_FALSE(gw_qemu_event_changes("POWERDOWN", NULL, text, sizeof(text)));
	CU_ASSERT_FALSE(gw_qemu_event_changes("RTC_CHANGE", NULL, text, sizeof(text)));
	json_decref(created);
	json_decref(concluded);
}

static bool capability_in(const json_t *args, const char *name, bool *state)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(args, "capabilities"), i, entry)
	{
		*state = json_is_true(json_object_get(entry, "state"));
		if (strcmp(json_string_value(json_object_get(entry, "capability")), name) == 0)
			return true;
	}
	return false;
}

static void test_capabilities(void)
{
	json_t *now = json("[{'capability':'events','state':false},"
			   "{'capability':'x-ignore-shared','state':false},"
			   "{'capability':'multifd','state':true},"
			   "{'capability':'dirty-bitmaps','state':true},"
			   "{'capability':'xbzrle','state':false}]");
	json_t *parameters = json("{'announce-rounds':5,'max-bandwidth':1000}");
	json_t *wanted = gw_qemu_capabilities(now, false), *undo;
	unsigned int answers;
	bool state;
	char *text;

	CU_ASSERT(capability_in(wanted, "x-ignore-shared", &state) && state);
	CU_ASSERT(capability_in(wanted, "multifd", &state) && !state);
	CU_ASSERT_FALSE(capability_in(wanted, "xbzrle", &state));
	CU_ASSERT_FALSE(capability_in(wanted, "dirty-bitmaps", &state));
	/* late-block-activate is not known here. */
	CU_ASSERT_PTR_NULL(gw_qemu_capabilities(now, true));

	undo = gw_qemu_undo(now, wanted, parameters, false);
	CU_ASSERT(capability_in(json_object_get(undo, "capabilities"), "x-ignore-shared", &state) &&
		  !state);
	CU_ASSERT(capability_in(json_object_get(undo, "capabilities"), "multifd", &state) && state);
	text = gw_qemu_undo_text(undo, &answers);
	CU_ASSERT_EQUAL(answers, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"max-bandwidth\":1000"));
	CU_ASSERT_EQUAL(text[strlen(text) - 1], '\n');
	free(text);
	json_decref(undo);
	json_decref(wanted);
	json_decref(parameters);
	json_decref(now);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"one difference each", test_compare},
		{"all differences at once", test_compare_reports_all},
		{"more names than fit", test_compare_many_names},
		{"RAM block text", test_ramblock},
		{"RAM block text not understood", test_ramblock_not_understood},
		{"description", test_describe},
		{"one VM", test_same_vm},
		{"events", test_events},
		{"capabilities", test_capabilities},
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{"hypervisor compare", NULL, NULL, NULL, NULL, tests},
		CU_SUITE_INFO_NULL,
	};

	return run_suites(suites);
}
