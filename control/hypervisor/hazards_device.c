/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices and backends that write guest RAM where the exporter cannot see it. It sees every write
 * that goes through the page tables of QEMU's process: vCPUs, QEMU's own threads, and also the
 * kernel's vhost-net and vhost-vsock workers, which take QEMU's mm and fault like its threads do
 * (so a tap with vhost=on is fine). It does not see DMA, nor other processes that map the same
 * file, nor the kernel writing through pages that it pinned before the harvest (direct I/O).
 */
#include "hazards.h"

#include "reason.h"

#include <string.h>

struct rule {
	const char *prefix;
	const char *code;
	const char *what;
	const char *remedy;
};

#define UNPLUG "detach it for the migration, or use an emulated or virtio device instead"

/* The first prefix that fits. */
static const struct rule device_rules[] = {
	{"vfio-user", "vfio_user_device",
		"a vfio-user device writes guest memory from another process", UNPLUG},
	{"x-vfio-user", "vfio_user_device",
		"a vfio-user server shares guest memory with another process", UNPLUG},
	{"vfio-", "vfio_device", "a passed-through device writes guest memory by DMA", UNPLUG},
	{"vhost-vdpa", "vdpa_device", "a vDPA device writes guest memory by DMA", UNPLUG},
	{"vhost-user", "vhost_user_device",
		"a vhost-user device writes guest memory from another process", UNPLUG},
	{"cryptodev-vhost-user", "vhost_user_device",
		"a vhost-user backend writes guest memory from another process",
		"use cryptodev-backend-builtin"},
	{"x-pci-proxy-dev", "remote_device",
		"a device in another process writes guest memory from there", UNPLUG},
	{"vhost-scsi", "direct_io", "vhost-scsi reads disks straight into pinned guest memory",
		"use virtio-scsi or virtio-blk"},
	{"scsi-block", "direct_io", "SCSI pass-through reads straight into pinned guest memory",
		"use scsi-hd"},
	{"scsi-generic", "direct_io", "SCSI pass-through reads straight into pinned guest memory",
		"use scsi-hd"},
	{"pvrdma", "rdma_device", "an RDMA device writes guest memory by DMA", UNPLUG},
	{"virtio-mem", "virtio_mem", "virtio-mem plugs and unplugs memory while the guest runs",
		"use ordinary memory (-m, pc-dimm)"},
};

static const struct rule netdev_rules[] = {
	{"vhost-user", "vhost_user_device",
		"a vhost-user backend writes guest memory from another process",
		"use a tap backend (vhost=on is fine)"},
	{"vhost-vdpa", "vdpa_device", "a vDPA backend writes guest memory by DMA",
		"use a tap backend (vhost=on is fine)"},
};

static const struct rule driver_rules[] = {
	{"nvme-io_uring", "direct_io", "reads go straight into guest memory",
		"use a kernel block device"},
	{"nvme", "vfio_device", "a user-space NVMe driver writes guest memory by DMA",
		"use the kernel's NVMe driver"},
	{"virtio-blk-vfio", "vfio_device", "a VFIO driver writes guest memory by DMA",
		"use the kernel's driver"},
	{"virtio-blk-vhost-user", "vhost_user_device",
		"a vhost-user disk writes guest memory from another process",
		"use a kernel block device or a file"},
	{"virtio-blk-vhost-vdpa", "vdpa_device", "a vDPA disk writes guest memory by DMA",
		"use a kernel block device or a file"},
};

#define N_RULES(rules) (sizeof(rules) / sizeof((rules)[0]))

static const struct rule *rule_for(const struct rule *rules, size_t n_rules, const char *type)
{
	for (size_t i = 0; i < n_rules; i++)
		if (strncmp(type, rules[i].prefix, strlen(rules[i].prefix)) == 0)
			return &rules[i];
	return NULL;
}

/* list: of qom-list; the types stand in it as "child<TYPE>". */
static void check_qom(json_t *reasons, const char *where, const json_t *list)
{
	const json_t *property;
	size_t i;

	json_array_foreach(list, i, property)
	{
		const char *name = json_string_value(json_object_get(property, "name"));
		const char *type = json_string_value(json_object_get(property, "type"));
		const struct rule *rule;

		if (name == NULL || type == NULL || strncmp(type, "child<", 6) != 0)
			continue;
		rule = rule_for(device_rules, N_RULES(device_rules), type + 6);
		if (rule != NULL)
			gw_reason_add(reasons, where, rule->code, rule->remedy,
				"device '%s' (%.*s): %s", name, (int)strcspn(type + 6, ">"),
				type + 6, rule->what);
	}
}

/* Backends of network devices are no QOM objects; `info network` is the only list with their types:
 *   virtio-net-pci.0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:56
 *    \ n0: index=0,type=vhost-user,chardev=c0 */
static void check_netdevs(json_t *reasons, const char *where, const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\r\n");
		size_t name = strspn(text, " \\");
		size_t name_length = strcspn(text + name, ":\r\n");
		const char *type = strstr(text, ",type=");

		if (type != NULL && type < text + length) {
			const struct rule *rule =
				rule_for(netdev_rules, N_RULES(netdev_rules), type + 6);

			if (rule != NULL)
				gw_reason_add(reasons, where, rule->code, rule->remedy,
					"network backend '%.*s': %s", (int)name_length, text + name,
					rule->what);
		}
		text += length;
		text += strspn(text, "\r\n");
	}
}

/* Is this file in an earlier node, so that it has been reported? A disk has a node for its format
 * and one for its file, both with the same cache mode. */
static bool seen_direct(const json_t *nodes, size_t before, const char *file)
{
	for (size_t i = 0; i < before; i++) {
		const json_t *node = json_array_get(nodes, i);
		const char *other = json_string_value(json_object_get(node, "file"));

		if (json_is_true(json_object_get(json_object_get(node, "cache"), "direct")) &&
			other != NULL && strcmp(other, file) == 0)
			return true;
	}
	return false;
}

static void check_disks(json_t *reasons, const char *where, const json_t *nodes)
{
	const json_t *node;
	size_t i;

	if (!json_is_array(nodes)) {
		gw_reason_add(reasons, where, "disks_unknown", "use QEMU 5.0 or newer",
			"QEMU did not list its disks");
		return;
	}
	json_array_foreach(nodes, i, node)
	{
		const char *driver = json_string_value(json_object_get(node, "drv"));
		const char *name = json_string_value(json_object_get(node, "node-name"));
		const char *file = json_string_value(json_object_get(node, "file"));
		const struct rule *rule = NULL;

		name = name != NULL ? name : "?";
		file = file != NULL ? file : name;
		if (driver != NULL)
			rule = rule_for(driver_rules, N_RULES(driver_rules), driver);
		if (rule != NULL)
			gw_reason_add(reasons, where, rule->code, rule->remedy,
				"disk '%s' (%s, %s): %s", name, driver, file, rule->what);
		if (json_is_true(json_object_get(json_object_get(node, "cache"), "direct")) &&
			!seen_direct(nodes, i, file))
			gw_reason_add(reasons, where, "direct_io",
				"start the guest with cache.direct=off for this disk "
				"(cache=writeback)",
				"disk '%s' (%s) is opened with cache.direct=on: a read in flight "
				"writes guest memory unseen",
				name, file);
	}
}

void gw_hazards_devices(json_t *reasons, const char *where, const json_t *answers)
{
	static const char *const lists[] = {
		"peripheral", "peripheral-anon", "unattached", "objects"};
	const json_t *network = json_object_get(answers, "network");

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const json_t *list = json_object_get(answers, lists[i]);

		if (json_is_array(list))
			check_qom(reasons, where, list);
		else
			gw_reason_add(reasons, where, "devices_unknown", "use QEMU 5.0 or newer",
				"QEMU did not list its devices (%s)", lists[i]);
	}
	if (json_is_string(network))
		check_netdevs(reasons, where, json_string_value(network));
	else
		gw_reason_add(reasons, where, "devices_unknown",
			"allow human-monitor-command on the QMP socket",
			"QEMU did not list its network backends");
	check_disks(reasons, where, json_object_get(answers, "block_nodes"));
}
