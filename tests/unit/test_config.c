/* SPDX-License-Identifier: BSD-3-Clause */
/* config/: option table, checks, loader, examples. */
#include "../../config/class.h"
#include "../../config/load.h"
#include "../../config/options.h"
#include "../../config/value.h"
#include "../../dataplane/base/log.h"
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT "ports:\n- name: p0\n  device: net_memif0,role=server\n  address: 10.0.0.1/24\n"
#define PORT6 "ports:\n- name: p0\n  device: net_memif0,role=server\n  address: fd00::1/64\n"

static cpu_set_t cpus; /* 0..3 are online */

static int load(const char *text, struct gw_config **out, struct gw_err *err)
{
	*out = NULL;
	err->text[0] = '\0';
	return gw_config_load_text(text, strlen(text), "f.yaml", &cpus, out, err);
}

/* text is refused, and the message says so. */
static void refused_(const char *text, const char *says, unsigned int line)
{
	struct gw_config *config;
	struct gw_err err;
	int rc = load(text, &config, &err);
	char where[64];
	bool ok = rc == -EINVAL && config == NULL && strstr(err.text, says) != NULL;

	if (!ok)
		fprintf(stderr, "line %u: rc %d: got \"%s\", wanted \"%s\"\n", line, rc, err.text,
			says);
	snprintf(where, sizeof(where), "line %u", line);
	CU_assertImplementation(ok, line, where, __FILE__, "", CU_FALSE);
	gw_config_free(&config);
}
#define refused(text, says) refused_(text, says, __LINE__)

static void test_defaults(void)
{
	struct gw_config *c;
	struct gw_err err;
	char host[64] = "";

	CU_ASSERT_EQUAL_FATAL(load(PORT, &c, &err), 0);
	gethostname(host, sizeof(host) - 1);
	CU_ASSERT_STRING_EQUAL(c->name, host);
	CU_ASSERT_STRING_EQUAL(c->run_dir, "/run/godwit");
	CU_ASSERT_STRING_EQUAL(c->vm_dir, "/run/godwit/vms");
	CU_ASSERT_STRING_EQUAL(c->report_dir, "/var/lib/godwit/reports");
	CU_ASSERT_STRING_EQUAL(c->log_level, "info");
	CU_ASSERT_STRING_EQUAL(c->control.listen, "127.0.0.1:7411");
	CU_ASSERT_EQUAL(c->security, GW_CONFIG_ON);
	CU_ASSERT_STRING_EQUAL(c->tls.ca, "/etc/godwit/pki/ca.pem");
	CU_ASSERT_STRING_EQUAL(c->tls.certificate, "/etc/godwit/pki/host.pem");
	CU_ASSERT_STRING_EQUAL(c->tls.key, "/etc/godwit/pki/host.key");
	CU_ASSERT_PTR_NULL(c->tls.crl);
	CU_ASSERT_EQUAL(c->control.cpu, 0);
	CU_ASSERT_EQUAL_FATAL(c->dataplane.n_workers, 1);
	CU_ASSERT_EQUAL(c->dataplane.workers[0], 1);
	CU_ASSERT_EQUAL(c->dataplane.integrity, GW_CONFIG_CRC32C);
	CU_ASSERT_EQUAL(c->dataplane.cipher, GW_CONFIG_AES_128_GCM);
	CU_ASSERT_EQUAL(c->dataplane.memory_mib, 256);
	CU_ASSERT_TRUE(c->dataplane.huge_pages);
	CU_ASSERT_EQUAL(c->dataplane.idle_sleep_us, 50000);
	CU_ASSERT_EQUAL(c->dataplane.populate_threads, 2);
	CU_ASSERT_EQUAL_FATAL(c->n_ports, 1);
	CU_ASSERT_STRING_EQUAL(c->ports[0].device, "net_memif0,role=server");
	CU_ASSERT_PTR_NULL(c->ports[0].gateway);
	CU_ASSERT_EQUAL(c->ports[0].mtu, 1500);
	CU_ASSERT_EQUAL(c->ports[0].rate_bps, 0);
	CU_ASSERT_EQUAL(c->n_peers, 0);
	CU_ASSERT_FALSE(c->migration.verify);
	CU_ASSERT_EQUAL(c->migration.blackout_limit_ms, 50);
	CU_ASSERT_EQUAL(c->migration.max_total_s, 0);
	CU_ASSERT_EQUAL(c->migration.on_limit, GW_CONFIG_ABORT);
	CU_ASSERT_EQUAL(c->migration.max_slowdown_percent, 95);
	CU_ASSERT_EQUAL(c->migration.on_slowdown_limit, GW_CONFIG_SLOWED_WAIT);
	CU_ASSERT_EQUAL(c->migration.min_epoch_ms, 250);
	CU_ASSERT_EQUAL(c->migration.state_limit_mib, 512);
	CU_ASSERT_EQUAL(c->migration.sync_timeout_ms, 10000);
	CU_ASSERT_EQUAL(c->migration.peer_timeout_ms, 5000);
	CU_ASSERT_EQUAL(c->migration.ports_down_timeout_ms, 10000);
	CU_ASSERT_STRING_EQUAL(c->migration.after, "quit");
	CU_ASSERT_STRING_EQUAL(c->migration.class_name, "default");
	CU_ASSERT_FALSE(c->ports[0].standby);
	CU_ASSERT_EQUAL(c->sandbox, GW_CONFIG_ON);
	CU_ASSERT_EQUAL(c->access.owner, GW_CONFIG_NONE);
	CU_ASSERT_EQUAL(c->access.group, GW_CONFIG_NONE);
	CU_ASSERT_EQUAL(c->access.mode, 0660);
	CU_ASSERT_EQUAL(c->access.vm_owner, GW_CONFIG_NONE);
	CU_ASSERT_EQUAL(c->access.vm_group, GW_CONFIG_NONE);
	CU_ASSERT_EQUAL(c->access.vm_mode, GW_CONFIG_NONE);
	CU_ASSERT_EQUAL(c->access.n_exporters, 0);
	CU_ASSERT_EQUAL(c->n_classes, 0);
	CU_ASSERT_EQUAL(gw_config_class(c, "default")->weight, 1);
	CU_ASSERT_EQUAL(gw_config_class(c, "default")->rate_bps, 0);
	CU_ASSERT_PTR_NULL(gw_config_class(c, "bulk"));
	gw_config_free(&c);
	CU_ASSERT_PTR_NULL(c);
	gw_config_free(&c);
}

static void test_everything_set(void)
{
	static const char text[] =
		"name: a-host\nrun_dir: /r\nlog_level: debug\n"
		"control: {listen: '0.0.0.0:80', cpu: 3}\n"
		"tls: {ca: /ca, certificate: /cert, key: /key, crl: /crl}\n"
		"dataplane:\n  workers: [2, 1]\n  integrity: none\n  cipher: aes-256-gcm\n  "
		"huge_pages: false\n"
		"ports:\n"
		"- {name: a, device: '3b:00.0', address: 10.0.0.1/24, gateway: 10.0.0.9, mtu: "
		"9000, rate: 2.5G}\n"
		"- {name: b, device: virtio_user0, address: 10.0.1.1/31, rate: 10G, queues: 2, "
		"standby: true}\n"
		"peers:\n- name: b\n  address: '[::1]:7411'\n- name: c\n  address: localhost:1\n"
		"classes:\n- {name: bulk, rate: 2G}\n- {name: default, weight: 7}\n"
		"migration:\n  on_limit: switchover\n  after: leave\n  verify: true\n"
		"  class: bulk\n  max_slowdown_percent: 0\n  on_slowdown_limit: switchover\n";
	struct gw_config *c;
	struct gw_err err;

	CU_ASSERT_EQUAL_FATAL(load(text, &c, &err), 0);
	CU_ASSERT_STRING_EQUAL(c->name, "a-host");
	CU_ASSERT_STRING_EQUAL(c->control.listen, "0.0.0.0:80");
	CU_ASSERT_STRING_EQUAL(c->tls.ca, "/ca");
	CU_ASSERT_STRING_EQUAL(c->tls.certificate, "/cert");
	CU_ASSERT_STRING_EQUAL(c->tls.key, "/key");
	CU_ASSERT_STRING_EQUAL(c->tls.crl, "/crl");
	CU_ASSERT_EQUAL(c->control.cpu, 3);
	CU_ASSERT_EQUAL_FATAL(c->dataplane.n_workers, 2);
	CU_ASSERT_EQUAL(c->dataplane.workers[0], 2);
	CU_ASSERT_EQUAL(c->dataplane.workers[1], 1);
	CU_ASSERT_EQUAL(c->dataplane.integrity, GW_CONFIG_INTEGRITY_NONE);
	CU_ASSERT_EQUAL(c->dataplane.cipher, GW_CONFIG_AES_256_GCM);
	CU_ASSERT_FALSE(c->dataplane.huge_pages);
	CU_ASSERT_EQUAL_FATAL(c->n_ports, 2);
	CU_ASSERT_EQUAL(c->ports[0].rate_bps, 2500000000);
	CU_ASSERT_STRING_EQUAL(c->ports[0].gateway, "10.0.0.9");
	CU_ASSERT_EQUAL(c->ports[0].mtu, 9000);
	CU_ASSERT_EQUAL(c->ports[1].rate_bps, 10000000000);
	CU_ASSERT_EQUAL(c->ports[1].mtu, 1500);
	CU_ASSERT_EQUAL(c->ports[1].queues, 2);
	CU_ASSERT_EQUAL_FATAL(c->n_peers, 2);
	CU_ASSERT_STRING_EQUAL(c->peers[0].address, "[::1]:7411");
	CU_ASSERT_EQUAL(c->migration.on_limit, GW_CONFIG_SWITCHOVER);
	CU_ASSERT_EQUAL(c->migration.max_slowdown_percent, 0);
	CU_ASSERT_EQUAL(c->migration.on_slowdown_limit, GW_CONFIG_SLOWED_SWITCHOVER);
	CU_ASSERT_STRING_EQUAL(c->migration.after, "leave");
	CU_ASSERT_TRUE(c->migration.verify);
	CU_ASSERT_TRUE(c->ports[1].standby);
	CU_ASSERT_STRING_EQUAL(c->migration.class_name, "bulk");
	CU_ASSERT_EQUAL(gw_config_class(c, "bulk")->rate_bps, 2000000000);
	CU_ASSERT_EQUAL(gw_config_class(c, "bulk")->weight, 1);
	CU_ASSERT_EQUAL(gw_config_class(c, "default")->weight, 7);
	gw_config_free(&c);
}

static void test_access(void)
{
	static const char text[] =
		"access:\n  owner: root\n  group: 4242\n  mode: 0600\n  vm_owner: 4243\n"
		"  vm_group: root\n  vm_mode: 1770\n  exporters: [4244, root]\n" PORT;
	struct gw_config *c;
	struct gw_err err;

	CU_ASSERT_EQUAL_FATAL(load(text, &c, &err), 0);
	CU_ASSERT_EQUAL(c->access.owner, 0);
	CU_ASSERT_EQUAL(c->access.group, 4242);
	CU_ASSERT_EQUAL(c->access.mode, 0600);
	CU_ASSERT_EQUAL(c->access.vm_owner, 4243);
	CU_ASSERT_EQUAL(c->access.vm_group, 0);
	CU_ASSERT_EQUAL(c->access.vm_mode, 01770);
	CU_ASSERT_EQUAL_FATAL(c->access.n_exporters, 2);
	CU_ASSERT_EQUAL(c->access.exporters[0], 4244);
	CU_ASSERT_EQUAL(c->access.exporters[1], 0);
	gw_config_free(&c);

	CU_ASSERT_EQUAL_FATAL(load("sandbox: off\n" PORT, &c, &err), 0);
	CU_ASSERT_EQUAL(c->sandbox, GW_CONFIG_OFF);
	gw_config_free(&c);
	refused("sandbox: false\n" PORT, "'false' is not valid; allowed: off or on");
	refused("access: {owner: no-such-user}\n" PORT, "f.yaml:1: access.owner: 'no-such-user' is "
							"not valid; allowed: a user of this host");
	refused("access: {group: no-such-group}\n" PORT, "allowed: a group of this host");
	refused("access: {owner: 4294967295}\n" PORT, "'4294967295' is not valid");
	refused("access: {owner: -1}\n" PORT, "'-1' is not valid");
	refused("access: {mode: 660x}\n" PORT, "allowed: three or four octal digits");
	refused("access: {mode: 0680}\n" PORT, "'0680' is not valid");
	refused("access: {mode: 60}\n" PORT, "'60' is not valid");
	refused("access: {exporters: root}\n" PORT, "must be a list of 0 to 16 users");
	refused("access: {exporters: [none]}\n" PORT, "access.exporters[0]: 'none' is not valid");
	refused("access: {exporters: [root, no-such-user]}\n" PORT,
		"access.exporters[1]: 'no-such-user' is not valid");
	refused("access: {exporters: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}\n" PORT,
		"must be a list of 0 to 16 users");
}

static void test_refused_values(void)
{
	refused("nmae: x\n" PORT, "f.yaml:1: nmae: unknown key; did you mean 'name'?");
	refused("dataplan: {}\n" PORT, "did you mean 'dataplane'?");
	refused(PORT "  zzzzzzzz: 1\n", "f.yaml:5: ports[0].zzzzzzzz: unknown key; godwitd --help");
	refused("control:\n  cpu: 1\n  cpu: 2\n" PORT, "f.yaml:3: cpu: stands here a second time");
	refused("control:\n  cpu: fast\n" PORT,
		"f.yaml:2: control.cpu: 'fast' is not valid; allowed: 0..1023");
	refused("control:\n  cpu: 010\n" PORT, "'010' is not valid");
	refused("control:\n  cpu: 0x1\n" PORT, "'0x1' is not valid");
	refused("control:\n  cpu: -1\n" PORT, "'-1' is not valid");
	refused("control:\n  cpu: 4\n" PORT, "control.cpu: CPU 4 is not online");
	refused("control:\n  cpu: [1]\n" PORT, "is a list, not one value");
	refused("control:\n  cpu:\n" PORT, "has no value");
	refused("control:\n" PORT, "f.yaml:1: control: must hold options");
	refused("migration:\n  verify: off\n" PORT, "'off' is not valid; allowed: true or false");
	refused("security: maybe\n" PORT, "'maybe' is not valid; allowed: off or on");
	refused("migration:\n  after: die\n" PORT, "'die' is not valid; allowed: quit or leave");
	refused("migration:\n  blackout_limit_ms: 0\n" PORT, "allowed: 1..60000 ms");
	refused("run_dir: run\n" PORT, "run_dir: 'run' is not valid; allowed: an absolute path");
	refused("name: 'a b'\n" PORT, "name: 'a b' is not valid");
	refused("name: \"a\\e[31m\"\n" PORT, "'a?[31m' is not valid");
	refused("name: \"a\\0b\"\n" PORT, "NUL");
	refused(PORT "  mtu: 1499\n",
		"ports[0].mtu: '1499' is not valid; allowed: 1500..9600 bytes");
	refused(PORT "  mtu: 9601\n", "'9601' is not valid");
	refused(PORT "  rate: 10GB\n",
		"f.yaml:5: ports[0].rate: '10GB' is not valid; allowed: 0 (no cap)");
	refused(PORT "  rate: 2T\n", "'2T' is not valid");
	refused(PORT "  gateway: 10.0.1.1\n", "in the port's subnet 10.0.0.1/24");
	refused(PORT "  gateway: 10.0.0.1\n", "another host's address");
	refused(PORT "  gateway: here\n", "'here' is not valid");
	refused(PORT "  gateway: fd00::1\n",
		"ports[0].gateway: 'fd00::1' is of another family than the port's address "
		"10.0.0.1/24; allowed: an IPv4 address");
	refused(PORT6 "  gateway: 10.0.0.254\n",
		"ports[0].gateway: '10.0.0.254' is of another family than the port's address "
		"fd00::1/64; allowed: an IPv6 address");
	refused(PORT6 "  gateway: fd00:0:0:1::1\n", "in the port's subnet fd00::1/64");
	refused(PORT6 "  gateway: FD00:0::1\n", "another host's address");
	refused(PORT6 "  gateway: ff02::2\n", "'ff02::2' is not valid");
	refused("ports: [{name: a, device: net_a, address: ff02::1/64}]\n",
		"ports[0].address: 'ff02::1/64' is not valid; allowed: a host's IPv4 address with "
		"prefix length 8..31, such as 10.0.0.1/24, or IPv6 address with 0..128");
}

static void test_refused_structure(void)
{
	refused("", "ports: none");
	refused("# nothing\n", "ports: none");
	refused("ports: []\n", "f.yaml:1: ports: none");
	refused("ports: 3\n", "must be a list of up to 16 entries");
	refused("- a\n- b\n", "must hold options");
	refused("hello\n", "must hold options");
	refused("a: [b\n", "f.yaml:2: not YAML");
	refused("\ta: b\n", "not YAML");
	refused("name: \xff\xfe\n", "not YAML");
	refused(PORT "---\nname: b\n", "second document");
	refused("? [a]\n: b\n" PORT, "a key must be plain text");
	refused("peers: &a\n- *a\n" PORT, "aliases are not supported");
	refused("name: &n x\nrun_dir: *n\n" PORT, "aliases are not supported");
	refused("ports:\n- name: a\n  device: net_tap0\n",
		"f.yaml:2: ports[0]: address is missing");
	refused("ports:\n- a\n", "ports[0]: must hold options");
	refused("peers: [{name: a}]\n" PORT, "peers[0]: address is missing");
}

static void test_contradictions(void)
{
	static const char second[] = PORT "- name: %s\n  device: %s\n  address: %s\n";
	char text[512];

	snprintf(text, sizeof(text), second, "p0", "net_memif1", "10.0.1.1/24");
	refused(text, "f.yaml:5: ports[1].name: 'p0' is used already in line 2");
	snprintf(text, sizeof(text), second, "p1", "net_memif0,role=client", "10.0.1.1/24");
	refused(text,
		"f.yaml:6: ports[1].device: 'net_memif0,role=client' is used already in line 3");
	snprintf(text, sizeof(text), second, "p1", "net_memif1", "10.0.0.1/16");
	refused(text, "f.yaml:7: ports[1].address: '10.0.0.1/16' is used already in line 4");
	refused("ports:\n- {name: a, device: net_a, address: '2001:db8::1/64'}\n"
		"- {name: b, device: net_b, address: '2001:DB8:0::1/48'}\n",
		"ports[1].address: '2001:DB8:0::1/48' is used already in line 2");
	refused("ports:\n- {name: a, device: '3B:00.0', address: 10.0.0.1/24}\n"
		"- {name: b, device: '0000:3b:00.0', address: 10.0.1.1/24}\n",
		"ports[1].device: '0000:3b:00.0' is used already");
	refused(PORT "peers: [{name: a, address: 'h:1'}, {name: a, address: 'i:1'}]\n",
		"peers[1].name: 'a' is used already");
	refused(PORT "classes: [{name: a}, {name: b}, {name: a}]\n",
		"classes[2].name: 'a' is used already");
	refused(PORT "classes: [{name: a}]\nmigration: {class: b}\n",
		"f.yaml:6: migration.class: 'b' is no class; allowed: default, or a name");
	refused(PORT "classes: [{name: a, weight: 0}]\n",
		"classes[0].weight: '0' is not valid; allowed: 1..1000");
	refused(PORT "classes: [{name: a, rate: 2}]\n", "classes[0].rate: '2' is not valid");
	refused("dataplane: {workers: [1, 2, 1]}\n" PORT,
		"dataplane.workers: CPU 1 is named twice");
	refused("dataplane: {workers: [7]}\n" PORT, "dataplane.workers: CPU 7 is not online");
	refused("dataplane: {workers: []}\n" PORT, "must be a list of 1 to 16 CPUs");
	refused("dataplane: {workers: 1}\n" PORT, "must be a list of 1 to 16 CPUs");
	refused("dataplane: {workers: [a]}\n" PORT, "dataplane.workers[0]: 'a' is not valid");
	refused("control: {listen: ':7411'}\n" PORT, "is not valid; allowed: host:port");
}

/* `security: off` takes addresses that do not leave a network of one's own. */
static void test_security(void)
{
#define OFF "security: off\n"
	static const char public[] = "control: {listen: '0.0.0.0:1'}\n"
				     "ports: [{name: a, device: net_a, address: 192.0.2.1/24}]\n";
	static const char *const fine[] = {OFF PORT,
		OFF "control: {listen: '192.168.7.1:1'}\n" PORT,
		OFF "control: {listen: '[fd00::1]:1'}\n" PORT,
		OFF "control: {listen: '[fe80::1]:1'}\n" PORT,
		OFF "control: {listen: '169.254.1.1:1'}\n" PORT,
		OFF "control: {listen: 'some-host:1'}\n" PORT, OFF PORT6,
		OFF PORT6 "  gateway: fe80::1\n", public};
	struct gw_config *c;
	struct gw_err err;

	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		CU_ASSERT_EQUAL(load(fine[i], &c, &err), 0);
		gw_config_free(&c);
	}
	refused(OFF "control: {listen: '0.0.0.0:1'}\n" PORT,
		"f.yaml:2: control.listen: '0.0.0.0:1' is not private; `security: off` takes");
	refused(OFF "control: {listen: '172.32.0.1:1'}\n" PORT, "is not private");
	refused(OFF "control: {listen: '[::]:1'}\n" PORT, "is not private");
	refused(OFF "control: {listen: '[2001:db8::1]:1'}\n" PORT, "is not private");
	refused(OFF "ports: [{name: a, device: net_a, address: 192.0.2.1/24}]\n",
		"f.yaml:2: ports[0].address: '192.0.2.1/24' is not private");
	refused(OFF "ports: [{name: a, device: net_a, address: '2001:db8::1/64'}]\n",
		"ports[0].address: '2001:db8::1/64' is not private");
	refused(OFF PORT "peers: [{name: b, address: '198.51.100.1:7411'}]\n",
		"peers[0].address: '198.51.100.1:7411' is not private");
}

static void test_allow(void)
{
	struct gw_config *c;
	struct gw_err err;

	CU_ASSERT_EQUAL_FATAL(load(PORT "peers:\n"
					"- {name: b, address: 'b:1', allow: {send: [web-*, "
					"'db[12]'], receive: []}}\n"
					"- {name: c, address: 'c:1', allow: {receive: ['x']}}\n"
					"- {name: d, address: 'd:1'}\n"
					"- {name: '*', allow: {send: []}}\n",
				      &c, &err),
		0);
	CU_ASSERT_EQUAL_FATAL(c->n_peers, 4);
	CU_ASSERT_EQUAL_FATAL(c->peers[0].allow.n_send, 2);
	CU_ASSERT_STRING_EQUAL(c->peers[0].allow.send[0], "web-*");
	CU_ASSERT_STRING_EQUAL(c->peers[0].allow.send[1], "db[12]");
	CU_ASSERT_EQUAL(c->peers[0].allow.n_receive, 0);
	CU_ASSERT_EQUAL_FATAL(c->peers[1].allow.n_send, 1);
	CU_ASSERT_STRING_EQUAL(c->peers[1].allow.send[0], "*");
	CU_ASSERT_STRING_EQUAL(c->peers[1].allow.receive[0], "x");
	CU_ASSERT_EQUAL_FATAL(c->peers[2].allow.n_receive, 1);
	CU_ASSERT_STRING_EQUAL(c->peers[2].allow.receive[0], "*");
	CU_ASSERT_STRING_EQUAL(c->peers[3].name, "*");
	CU_ASSERT_PTR_NULL(c->peers[3].address);
	gw_config_free(&c);
#define PEER PORT "peers:\n- name: b\n  address: b:1\n  allow: "
	refused(PEER "[]\n", "f.yaml:8: peers[0].allow: must hold the lists send and receive");
	refused(PEER "all\n", "must hold the lists");
	refused(PEER "{send: web}\n", "peers[0].allow.send: must be a list of up to 64 patterns");
	refused(PEER "{sent: []}\n", "peers[0].allow.sent: unknown key; allowed: send, receive");
	refused(PEER "{send: ['a/b']}\n", "peers[0].allow.send[0]: 'a/b' is no pattern");
	refused(PEER "{send: ['']}\n", "is no pattern");
	refused(PEER "{send: [[a]]}\n", "is no pattern");
	refused(PEER "{send: [{a: b}]}\n", "is no pattern");
	refused(PEER "{send: [~]}\n", "is no pattern");
	refused(PORT "peers: [{name: '*', address: 'b:1'}]\n", "the peer '*' has none");
	refused(PORT "peers: [{name: 'b*', address: 'b:1'}]\n", "'b*' is not valid");
	refused(PORT "peers: [{name: '*'}, {name: '*'}]\n", "is used already");
}

static void test_all_reported(void)
{
	struct gw_config *c;
	struct gw_err err;

	CU_ASSERT_EQUAL(load("log_level: loud\ncontrol: {cpu: x}\n" PORT "  mtu: 1\n  gateway: 1\n",
				&c, &err),
		-EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "f.yaml:1: log_level"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "(and 3 more, listed above)"));
	/* More than are kept. */
	CU_ASSERT_EQUAL(
		load("a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1\nh: 1\ni: 1\nj: 1\nk: 1\nl: 1\n", &c,
			&err),
		-EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "f.yaml: ports: none"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "(and 12 more"));
}

static void test_values(void)
{
	static const struct {
		const char *text;
		uint64_t bps;
	} rates[] = {{"10G", 10000000000}, {"2.5G", 2500000000}, {"2500M", 2500000000}, {"0", 0},
		{"64K", 64000}, {"1T", 1000000000000}, {"123456", 123456}, {"0.000000001G", 1}};
	static const char *const bad_rates[] = {"", "G", ".5G", "1.G", "1g", "1.5", "0.0001K",
		"10 G", "-1G", "99999999999999G", "9999999999999T", "1GG", "1.2345678901G"};
	static const char *const devices[] = {"0000:3b:00.0", "3b:00.7",
		"net_memif0,role=server,id=1", "net_af_packet0,iface=veth0",
		"virtio_user0,path=/dev/vhost-net", "0000:3b:00.0,a=b", "net_ring_a"};
	static const char *const bad_devices[] = {"", "eth0", "0000:3b:20.0", "3b:00.8", "3b:00",
		"net_", "net_a b", "net_a,", "net_a,b", "net_a,=b", "net_a,b=c,", "0000:3b:00.0x",
		"virtio_user", "3b:00.0 "};
	static const char *const addresses[] = {"10.0.0.1/24", "192.168.1.254/30", "10.0.0.0/31",
		"fd00::1/64", "2001:DB8::ffff/48", "fe80::1/10", "fd00::/127", "fd00::/128",
		"fd00::1/0", "fd00:1111:2222:3333:4444:5555:6666:7777/128"};
	static const char *const bad_addresses[] = {"10.0.0.1", "10.0.0.1/", "10.0.0.1/32",
		"10.0.0.1/7", "10.0.0.0/24", "10.0.0.255/24", "224.0.0.1/24", "127.0.0.1/8",
		"0.0.0.1/8", "10.0.0/24", "10.0.0.1/024", "::1/64", "1000000000000000000/24",
		"::/64", "::/0", "ff02::1/64", "::ffff:10.0.0.1/120", "::10.0.0.1/64", "fd00::1",
		"fd00::1/", "fd00::1/129", "fd00::1/064", "fd00::/64", "fd00:::1/64",
		"fd00::1%eth0/64", "[fd00::1]/64", "fd00:1111:2222:3333:4444:5555:6666:77777/64"};
	static const char *const bad_endpoints[] = {"", "host", "host:", "host:0", "host:65536",
		":1", "1.2.3:1", "[::1:1", "[x]:1", "a_b:1", "-a:1", "::1:80"};
	struct gw_ip ip;
	uint32_t prefix;
	uint64_t bps;
	char id[64];
	enum gw_endpoint endpoint;

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		CU_ASSERT_EQUAL(gw_value_rate(rates[i].text, &bps), 0);
		CU_ASSERT_EQUAL(bps, rates[i].bps);
	}
	for (size_t i = 0; i < sizeof(bad_rates) / sizeof(bad_rates[0]); i++)
		CU_ASSERT_EQUAL(gw_value_rate(bad_rates[i], &bps), -EINVAL);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		CU_ASSERT_EQUAL(gw_value_device(devices[i], id, sizeof(id)), 0);
	for (size_t i = 0; i < sizeof(bad_devices) / sizeof(bad_devices[0]); i++)
		CU_ASSERT_EQUAL(gw_value_device(bad_devices[i], id, sizeof(id)), -EINVAL);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		CU_ASSERT_EQUAL(gw_value_address(addresses[i], &ip, &prefix), 0);
	for (size_t i = 0; i < sizeof(bad_addresses) / sizeof(bad_addresses[0]); i++)
		CU_ASSERT_EQUAL(gw_value_address(bad_addresses[i], &ip, &prefix), -EINVAL);
	for (size_t i = 0; i < sizeof(bad_endpoints) / sizeof(bad_endpoints[0]); i++)
		CU_ASSERT_EQUAL(gw_value_endpoint(bad_endpoints[i], &endpoint), -EINVAL);
	CU_ASSERT_EQUAL(gw_value_endpoint("[::1]:7411", &endpoint), 0);
	CU_ASSERT_EQUAL(endpoint, GW_ENDPOINT_PRIVATE);
	CU_ASSERT_EQUAL(gw_value_endpoint("127.9.9.9:1", &endpoint), 0);
	CU_ASSERT_EQUAL(endpoint, GW_ENDPOINT_PRIVATE);
	CU_ASSERT_EQUAL(gw_value_endpoint("8.8.8.8:1", &endpoint), 0);
	CU_ASSERT_EQUAL(endpoint, GW_ENDPOINT_PUBLIC);
	CU_ASSERT_EQUAL(gw_value_endpoint("h0.example:65535", &endpoint), 0);
	CU_ASSERT_EQUAL(endpoint, GW_ENDPOINT_NAME);
}

static void test_cpu_list(void)
{
	cpu_set_t set;

	CU_ASSERT_EQUAL(gw_cpu_list_parse("0-2,5\n", &set), 0);
	CU_ASSERT_EQUAL(CPU_COUNT(&set), 4);
	CU_ASSERT_TRUE(CPU_ISSET(5, &set));
	CU_ASSERT_EQUAL(gw_cpu_list_parse("0-99999999", &set), 0);
	CU_ASSERT_EQUAL(gw_cpu_list_parse("", &set), -EINVAL);
	CU_ASSERT_EQUAL(gw_cpu_list_parse("1-", &set), -EINVAL);
	CU_ASSERT_EQUAL(gw_cpu_list_parse("3-1", &set), -EINVAL);
	CU_ASSERT_EQUAL(gw_cpu_list_parse("1,,2", &set), -EINVAL);
}

/* The committed examples are what the table prints, and they load. */
static void test_examples(void)
{
	static const char *const modes[] = {"sidecar", "offload", "bench"};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		char path[512], *printed = NULL, committed[32768];
		struct gw_config *config;
		struct gw_err err;
		size_t size, n;
		FILE *f = open_memstream(&printed, &size);

		CU_ASSERT_EQUAL(gw_config_print_example(f, modes[i]), 0);
		fclose(f);
		snprintf(path, sizeof(path), GW_SOURCE_ROOT "/config/%s.yaml", modes[i]);
		f = fopen(path, "r");
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		n = fread(committed, 1, sizeof(committed), f);
		fclose(f);
		CU_ASSERT_EQUAL(n, size);
		CU_ASSERT_EQUAL(memcmp(committed, printed, n < size ? n : size), 0);
		CU_ASSERT_EQUAL(load(printed, &config, &err), 0);
		gw_config_free(&config);
		free(printed);
	}
	CU_ASSERT_EQUAL(gw_config_print_example(stderr, "none"), -ENOENT);
}

/* Every default of the table is a value that the table allows, and help names every option. */
static void test_table(void)
{
	char *help = NULL;
	size_t size;
	FILE *f = open_memstream(&help, &size);

	gw_config_print_help(f);
	fclose(f);
	for (uint32_t i = 0; i < GW_CONFIG_SECTIONS; i++) {
		for (uint32_t j = 0; j < gw_sections[i].n_options; j++) {
			const struct gw_option *o = &gw_sections[i].options[j];

			CU_ASSERT_PTR_NOT_NULL(strstr(help, o->key));
			if (o->fallback != NULL && o->type != GW_OPTION_CPUS &&
				o->type != GW_OPTION_USERS && o->type != GW_OPTION_ALLOW &&
				strcmp(o->fallback, GW_OPTION_HOST_NAME) != 0)
				CU_ASSERT_EQUAL(gw_value_check(o, o->fallback), 0);
		}
	}
	free(help);
}

static void test_files(void)
{
	struct gw_config *config = NULL;
	struct gw_err err;

	CU_ASSERT_EQUAL(gw_config_load("/nonexistent/godwit.yaml", &config, &err), -ENOENT);
	CU_ASSERT_STRING_EQUAL(
		err.text, "/nonexistent/godwit.yaml: cannot read: No such file or directory");
	CU_ASSERT_EQUAL(gw_config_load("/", &config, &err), -EISDIR);
	CU_ASSERT_EQUAL(gw_config_load("/dev/zero", &config, &err), -EFBIG);
	CU_ASSERT_PTR_NULL(config);
}

int main(void)
{
	CU_TestInfo tests[] = {{"defaults", test_defaults}, {"everything set", test_everything_set},
		{"access", test_access}, {"refused values", test_refused_values},
		{"refused structure", test_refused_structure},
		{"contradictions", test_contradictions}, {"all reported", test_all_reported},
		{"security", test_security}, {"allow", test_allow}, {"values", test_values},
		{"cpu list", test_cpu_list}, {"examples", test_examples}, {"table", test_table},
		{"files", test_files}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"config", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

	for (int cpu = 0; cpu < 4; cpu++)
		CPU_SET(cpu, &cpus);
	return run_suites(suites);
}
