/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"
#include "config.h"

#include <string.h>

#define COUNT(a) (uint32_t)(sizeof(a) / sizeof((a)[0]))
#define AT(type, member) .offset = offsetof(type, member)
#define IN(type, section, member) .offset = offsetof(type, section.member) - offsetof(type, section)
#define NUMBER .type = GW_OPTION_UINT
#define CHOICES(c) .choices = c, .n_choices = COUNT(c)

static const cyaml_strval_t log_levels[] = {
	{"error", 0}, {"warning", 1}, {"info", 2}, {"debug", 3}};
static const cyaml_strval_t integrities[] = {
	{"crc32c", GW_CONFIG_CRC32C}, {"none", GW_CONFIG_INTEGRITY_NONE}};
static const cyaml_strval_t ciphers[] = {
	{"aes-128-gcm", GW_CONFIG_AES_128_GCM}, {"aes-256-gcm", GW_CONFIG_AES_256_GCM}};
static const cyaml_strval_t on_limits[] = {
	{"abort", GW_CONFIG_ABORT}, {"switchover", GW_CONFIG_SWITCHOVER}};
static const cyaml_strval_t on_slowdown_limits[] = {{"abort", GW_CONFIG_SLOWED_ABORT},
	{"wait", GW_CONFIG_SLOWED_WAIT}, {"switchover", GW_CONFIG_SLOWED_SWITCHOVER}};
static const cyaml_strval_t switches[] = {{"off", GW_CONFIG_OFF}, {"on", GW_CONFIG_ON}};
static const cyaml_strval_t afters[] = {{"quit", 0}, {"leave", 1}};

static const struct gw_option host[] = {
	{"name", GW_OPTION_NAME, AT(struct gw_config, name), .fallback = GW_OPTION_HOST_NAME,
		.sample = "host-a", .help = "Name of this host, told to peers."},
	{"run_dir", GW_OPTION_PATH, AT(struct gw_config, run_dir), .max = 90,
		.fallback = "/run/godwit",
		.help = "Holds the control socket (control.sock) and what a restart needs."},
	{"vm_dir", GW_OPTION_PATH, AT(struct gw_config, vm_dir), .max = 90,
		.fallback = "/run/godwit/vms",
		.help = "Where each VM has its sockets, NAME.export and NAME.qmp."},
	{"report_dir", GW_OPTION_PATH, AT(struct gw_config, report_dir), .max = 250,
		.fallback = "/var/lib/godwit/reports",
		.help = "Where the report of each migration is kept."},
	{"log_level", GW_OPTION_WORD, AT(struct gw_config, log_level), CHOICES(log_levels),
		.fallback = "info", .help = "Log lines up to this level."},
	{"sandbox", GW_OPTION_CHOICE, AT(struct gw_config, sandbox), CHOICES(switches),
		.fallback = "on",
		.help = "After start-up give up all capabilities and system calls that are not "
			"needed any more."},
	{"security", GW_OPTION_CHOICE, AT(struct gw_config, security), CHOICES(switches),
		.fallback = "on",
		.help = "Certificates at both ends and encryption. off is for labs: whoever "
			"reaches this host can take its guests; it is refused unless every "
			"address is private."},
};

static const struct gw_option tls[] = {
	{"ca", GW_OPTION_PATH, IN(struct gw_config, tls, ca), .max = 250,
		.fallback = "/etc/godwit/pki/ca.pem",
		.help = "Authorities whose certificates count (PEM); scripts/pki makes one."},
	{"certificate", GW_OPTION_PATH, IN(struct gw_config, tls, certificate), .max = 250,
		.fallback = "/etc/godwit/pki/host.pem",
		.help = "Of this host (PEM): carries its name. A new file is noticed and used for "
			"new connections."},
	{"key", GW_OPTION_PATH, IN(struct gw_config, tls, key), .max = 250,
		.fallback = "/etc/godwit/pki/host.key",
		.help = "Of the certificate (PEM); nobody else may read it."},
	{"crl", GW_OPTION_PATH, IN(struct gw_config, tls, crl), .max = 250,
		.sample = "/etc/godwit/pki/crl.pem",
		.help = "Revoked certificates (PEM); without it revocation is not looked at."},
};

static const struct gw_option control[] = {
	{"listen", GW_OPTION_ENDPOINT, IN(struct gw_config, control, listen),
		.fallback = "127.0.0.1:7411",
		.help = "Where peers reach this host's control port."},
	{"cpu", NUMBER, IN(struct gw_config, control, cpu), .max = 1023, .fallback = "0",
		.help = "CPU of the control thread; better not a worker's."},
};

static const struct gw_option dataplane[] = {
	{"workers", GW_OPTION_CPUS, IN(struct gw_config, dataplane, workers),
		.count_offset = offsetof(struct gw_config, dataplane.n_workers) -
				offsetof(struct gw_config, dataplane),
		.max = 1023, .fallback = "[1]",
		.help = "CPU of each poll worker, 1 to 16 of them."},
	{"priority", NUMBER, IN(struct gw_config, dataplane, priority), .max = 20, .fallback = "0",
		.help = "Of the workers and the control thread against other threads, where their "
			"CPUs are not theirs alone: nice minus this. A worker without work "
			"sleeps."},
	{"cipher", GW_OPTION_CHOICE, IN(struct gw_config, dataplane, cipher), CHOICES(ciphers),
		.fallback = "aes-128-gcm",
		.help = "Encrypts every packet, with security on; the same at both ends."},
	{"integrity", GW_OPTION_CHOICE, IN(struct gw_config, dataplane, integrity),
		CHOICES(integrities), .fallback = "crc32c",
		.help = "Checksum over header and payload of every packet, with security off; "
			"the same at both ends."},
	{"zero_copy", GW_OPTION_BOOL, IN(struct gw_config, dataplane, zero_copy),
		.fallback = "true",
		.help = "Transmit straight from guest memory where the driver is known to be safe "
			"for it (memif "
			"servers), security is off and integrity is none; false copies always."},
	{"memory_mib", NUMBER, IN(struct gw_config, dataplane, memory_mib), .min = 16, .max = 65536,
		.unit = "MiB", .fallback = "256", .help = "Memory for packet buffers."},
	{"huge_pages", GW_OPTION_BOOL, IN(struct gw_config, dataplane, huge_pages),
		.fallback = "true",
		.help = "Packet buffers in huge pages; false is slow and meant for tests."},
	{"idle_sleep_us", NUMBER, IN(struct gw_config, dataplane, idle_sleep_us), .min = 1,
		.max = 1000000, .unit = "us", .fallback = "50000",
		.help = "How long a worker sleeps at a time while there is no session; one that "
			"begins wakes it."},
	{"populate_threads", NUMBER, IN(struct gw_config, dataplane, populate_threads), .min = 1,
		.max = 64, .fallback = "2",
		.help = "Threads that populate guest memory ahead of arriving pages."},
};

static const struct gw_option access[] = {
	{"owner", GW_OPTION_USER, IN(struct gw_config, access, owner), .fallback = "none",
		.sample = "godwit",
		.help = "User that the control socket belongs to: may use every command, as root "
			"and "
			"godwitd's own user may. none: godwitd's own."},
	{"group", GW_OPTION_GROUP, IN(struct gw_config, access, group), .fallback = "none",
		.sample = "godwit",
		.help = "Group of the control socket: its members may use the commands that only "
			"read."},
	{"mode", GW_OPTION_MODE, IN(struct gw_config, access, mode), .fallback = "0660",
		.help = "Of the control socket. Who connects is checked besides."},
	{"vm_owner", GW_OPTION_USER, IN(struct gw_config, access, vm_owner), .fallback = "none",
		.sample = "libvirt-qemu",
		.help = "User that vm_dir is given to, so that its hypervisors can make their "
			"sockets "
			"there; they are served. none: left as it is."},
	{"vm_group", GW_OPTION_GROUP, IN(struct gw_config, access, vm_group), .fallback = "none",
		.sample = "kvm", .help = "Group that vm_dir is given to. none: left as it is."},
	{"vm_mode", GW_OPTION_MODE, IN(struct gw_config, access, vm_mode), .fallback = "none",
		.sample = "1770",
		.help = "Mode that vm_dir is given; with several users 1770, so that none takes "
			"another's socket away. none: left as it is, made as 0755."},
	{"exporters", GW_OPTION_USERS, IN(struct gw_config, access, exporters),
		.count_offset = offsetof(struct gw_config, access.n_exporters) -
				offsetof(struct gw_config, access),
		.fallback = "[]", .sample = "[libvirt-qemu]",
		.help = "Users whose hypervisors are served, up to 16, beside root, godwitd's own "
			"user "
			"and vm_owner."},
};

static const struct gw_option port[] = {
	{"name", GW_OPTION_NAME, AT(struct gw_config_port, name), .required = true,
		.sample = "left", .help = "Unique; shown in every output."},
	{"device", GW_OPTION_DEVICE, AT(struct gw_config_port, device), .required = true,
		.sample = "0000:3b:00.0",
		.help = "PCI address, or a virtual device with its arguments."},
	{"address", GW_OPTION_ADDRESS, AT(struct gw_config_port, address), .required = true,
		.sample = "10.0.0.1/24",
		.help = "Of this port on the migration network, IPv4 or IPv6; unique."},
	{"gateway", GW_OPTION_GATEWAY, AT(struct gw_config_port, gateway), .sample = "10.0.0.254",
		.help = "Router towards peers outside the port's subnet."},
	{"mtu", NUMBER, AT(struct gw_config_port, mtu), .min = 1500, .max = 9600, .unit = "bytes",
		.fallback = "1500", .help = "Largest IP packet; from 4200 a page fits one packet."},
	{"rate", GW_OPTION_RATE, AT(struct gw_config_port, rate_bps), .min = 1000000,
		.max = 1000000000000, .unit = "bit/s", .fallback = "0",
		.help = "Cap, counted at layer 1 (frame and 24 bytes); 0: none."},
	{"queues", NUMBER, AT(struct gw_config_port, queues), .max = 16, .fallback = "0",
		.help = "Queue pairs; 0: as many as workers."},
	{"rx_descriptors", NUMBER, AT(struct gw_config_port, rx_descriptors), .max = 32768,
		.fallback = "0", .help = "Of each receive queue; 0: chosen by godwit."},
	{"tx_descriptors", NUMBER, AT(struct gw_config_port, tx_descriptors), .max = 32768,
		.fallback = "0",
		.help = "Of each transmit queue; 0: a millisecond of the cap, at most 512."},
	{"standby", GW_OPTION_BOOL, AT(struct gw_config_port, standby), .fallback = "false",
		.help = "Carry pages only to destination cores that no other port reaches."},
};

static const struct gw_option class[] = {
	{"name", GW_OPTION_NAME, AT(struct gw_config_class, name), .required = true,
		.sample = "bulk", .help = "What `godwitctl migrate --class NAME` takes; unique."},
	{"weight", NUMBER, AT(struct gw_config_class, weight), .min = 1, .max = 1000,
		.fallback = "1",
		.help = "Share of each session of this class in a port that others want too."},
	{"rate", GW_OPTION_RATE, AT(struct gw_config_class, rate_bps), .min = 1000000,
		.max = 1000000000000, .unit = "bit/s", .fallback = "0",
		.help = "Cap of each session of this class over all ports, at layer 1; 0: none."},
};

static const struct gw_option peer[] = {
	{"name", GW_OPTION_PEER, AT(struct gw_config_peer, name), .required = true,
		.sample = "host-b",
		.help = "What `godwitctl migrate VM NAME` takes; unique. Its certificate must "
			"carry this name. '*' stands for every host that has no entry and a valid "
			"certificate; without it they are refused."},
	{"address", GW_OPTION_ENDPOINT, AT(struct gw_config_peer, address), .sample = "host-b:7411",
		.help = "Of the peer's control port; '*' has none."},
	{"allow", GW_OPTION_ALLOW, AT(struct gw_config_peer, allow),
		.fallback = "{send: ['*'], receive: ['*']}",
		.help = "Which VMs may be sent to this peer and received from it, by patterns of "
			"their names; [] is none."},
};

static const struct gw_option migration[] = {
	{"huge_pages", GW_OPTION_BOOL, IN(struct gw_config, migration, huge_pages),
		.fallback = "true",
		.help = "Gather an arriving guest's memory in transparent huge pages where this "
			"host's kernel can (6.1), whatever its shmem_enabled says."},
	{"verify", GW_OPTION_BOOL, IN(struct gw_config, migration, verify), .fallback = "false",
		.help = "Compare digests of both ends' memory before the guest runs."},
	{"blackout_limit_ms", NUMBER, IN(struct gw_config, migration, blackout_limit_ms), .min = 1,
		.max = 60000, .unit = "ms", .fallback = "50",
		.help = "Switch over when the predicted blackout fits this limit."},
	{"max_total_s", NUMBER, IN(struct gw_config, migration, max_total_s), .max = 604800,
		.unit = "s", .fallback = "0", .help = "Limit of a whole migration; 0: none."},
	{"on_limit", GW_OPTION_CHOICE, IN(struct gw_config, migration, on_limit),
		CHOICES(on_limits), .fallback = "abort",
		.help = "What to do when max_total_s is over."},
	{"max_slowdown_percent", NUMBER, IN(struct gw_config, migration, max_slowdown_percent),
		.max = 99, .unit = "%", .fallback = "95",
		.help = "How much of its time a guest may lose while it dirties its memory faster "
			"than that can be sent; 0: it is never slowed."},
	{"on_slowdown_limit", GW_OPTION_CHOICE, IN(struct gw_config, migration, on_slowdown_limit),
		CHOICES(on_slowdown_limits), .fallback = "wait",
		.help = "What to do when even max_slowdown_percent is not enough, or when a "
			"blackout takes longer than its limit with no page to send; wait is for "
			"the guest to write less, or for max_total_s."},
	{"min_epoch_ms", NUMBER, IN(struct gw_config, migration, min_epoch_ms), .max = 60000,
		.unit = "ms", .fallback = "250",
		.help = "Shortest precopy epoch while the policy waits."},
	{"state_limit_mib", NUMBER, IN(struct gw_config, migration, state_limit_mib), .min = 1,
		.max = 4096, .unit = "MiB", .fallback = "512",
		.help = "Largest device state taken."},
	{"sync_timeout_ms", NUMBER, IN(struct gw_config, migration, sync_timeout_ms), .min = 10,
		.max = 600000, .unit = "ms", .fallback = "10000",
		.help = "Limit for the hypervisor to answer a sync."},
	{"peer_timeout_ms", NUMBER, IN(struct gw_config, migration, peer_timeout_ms), .min = 10,
		.max = 600000, .unit = "ms", .fallback = "5000",
		.help = "Silence on the control connection after which the peer counts as lost."},
	{"ports_down_timeout_ms", NUMBER, IN(struct gw_config, migration, ports_down_timeout_ms),
		.min = 10, .max = 600000, .unit = "ms", .fallback = "10000",
		.help = "Abort when all paths have been dead this long."},
	{"class", GW_OPTION_NAME, IN(struct gw_config, migration, class_name),
		.fallback = GW_CONFIG_DEFAULT_CLASS,
		.help = "Class of sessions that name none; 'default' has weight 1 and no cap "
			"unless it is configured."},
	{"after", GW_OPTION_WORD, IN(struct gw_config, migration, after), CHOICES(afters),
		.fallback = "quit",
		.help = "What becomes of the source's hypervisor: quit it, or leave it paused."},
};

static const struct gw_option hooks[] = {
	{"directory", GW_OPTION_PATH, IN(struct gw_config, hooks, directory), .max = 250,
		.sample = "/etc/godwit/hooks",
		.help = "Holds the programs, or folders of programs, before-pause, after-resume "
			"and "
			"on-abort; only root and godwitd's user may be able to write there. "
			"Without "
			"it no hooks are run."},
	{"timeout_ms", NUMBER, IN(struct gw_config, hooks, timeout_ms), .min = 1, .max = 600000,
		.unit = "ms", .fallback = "5000",
		.help = "Limit of each program; then it is killed."},
	{"required", GW_OPTION_BOOL, IN(struct gw_config, hooks, required), .fallback = "false",
		.help = "A failure of before-pause aborts the migration; false: it is only "
			"logged."},
};

static const struct gw_option announce[] = {
	{"interface", GW_OPTION_NAME, IN(struct gw_config, announce, interface), .sample = "br0",
		.help = "Bridge or interface on which guests that come here are announced whose "
			"addresses are given with the migration (--announce). QEMU announces its "
			"guests itself."},
	{"rounds", NUMBER, IN(struct gw_config, announce, rounds), .min = 1, .max = 1000,
		.fallback = "5", .help = "How often."},
	{"initial_ms", NUMBER, IN(struct gw_config, announce, initial_ms), .min = 1, .max = 100000,
		.unit = "ms", .fallback = "50", .help = "From the first round to the second."},
	{"step_ms", NUMBER, IN(struct gw_config, announce, step_ms), .max = 10000, .unit = "ms",
		.fallback = "100", .help = "How much longer each wait is than the one before."},
	{"max_ms", NUMBER, IN(struct gw_config, announce, max_ms), .min = 1, .max = 100000,
		.unit = "ms", .fallback = "550", .help = "Longest wait between two rounds."},
};

#define SECTION(name, member)                                      \
	.key = name, .offset = offsetof(struct gw_config, member), \
	.size = sizeof(((struct gw_config *)NULL)->member)
#define LIST(name, member, n, limit)                                             \
	.key = name, .list = true, .offset = offsetof(struct gw_config, member), \
	.size = sizeof(((struct gw_config *)NULL)->member[0]),                   \
	.count_offset = offsetof(struct gw_config, n), .max = limit
#define OPTIONS(table) .options = table, .n_options = COUNT(table)

const struct gw_section gw_sections[GW_CONFIG_SECTIONS] = {
	{.key = "", .size = sizeof(struct gw_config), .help = "This host", OPTIONS(host)},
	{SECTION("tls", tls), .help = "Certificates, with security on", OPTIONS(tls)},
	{SECTION("control", control), .help = "The control plane", OPTIONS(control)},
	{SECTION("dataplane", dataplane), .help = "The poll workers", OPTIONS(dataplane)},
	{SECTION("access", access), .help = "Who may use godwitd, and whom it serves",
		OPTIONS(access)},
	{LIST("ports", ports, n_ports, GW_CONFIG_MAX_PORTS),
		.help = "Ports of the migration network, 1 to 16; traffic spreads over all",
		OPTIONS(port)},
	{LIST("peers", peers, n_peers, GW_CONFIG_MAX_PEERS),
		.help = "Hosts that guests may move to, up to 64", OPTIONS(peer)},
	{LIST("classes", classes, n_classes, GW_CONFIG_MAX_CLASSES),
		.help = "Classes of traffic: what share of busy ports a session gets, up to 32",
		OPTIONS(class)},
	{SECTION("migration", migration), .help = "Defaults of every migration",
		OPTIONS(migration)},
	{SECTION("hooks", hooks), .help = "Programs that are run on the way", OPTIONS(hooks)},
	{SECTION("announce", announce), .help = "Telling the network where a guest is now",
		OPTIONS(announce)},
};

_Static_assert(COUNT(port) <= GW_SECTION_MAX_OPTIONS &&
		       COUNT(migration) <= GW_SECTION_MAX_OPTIONS &&
		       COUNT(host) + GW_CONFIG_SECTIONS <= GW_SECTION_MAX_OPTIONS,
	"the schema's arrays hold every option");

const struct gw_section *gw_section_find(const char *key)
{
	for (uint32_t i = 0; i < GW_CONFIG_SECTIONS; i++)
		if (strcmp(gw_sections[i].key, key) == 0)
			return &gw_sections[i];
	return NULL;
}

const struct gw_option *gw_option_find(const struct gw_section *section, const char *key)
{
	for (uint32_t i = 0; i < section->n_options; i++)
		if (strcmp(section->options[i].key, key) == 0)
			return &section->options[i];
	return NULL;
}
