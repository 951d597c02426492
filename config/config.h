/* SPDX-License-Identifier: BSD-3-Clause */
/* godwitd's configuration: what the option table (options.c) describes and the YAML loader fills. */
#pragma once

#include "../dataplane/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define GW_CONFIG_MAX_PORTS 16
#define GW_CONFIG_MAX_WORKERS 16
#define GW_CONFIG_MAX_PEERS 64
#define GW_CONFIG_MAX_CLASSES 32
#define GW_CONFIG_MAX_USERS 16
#define GW_CONFIG_NONE UINT32_MAX         /* no user, group or mode */
#define GW_CONFIG_MAX_PATTERNS 64
#define GW_CONFIG_ANY_PEER "*" /* the entry that stands for every host without one of its own */
#define GW_CONFIG_DEFAULT_CLASS "default" /* exists also where it is not configured */

struct gw_config_port {
	char *name;      /* unique */
	char *device;    /* PCI address ("0000:3b:00.0") or vdev devargs ("net_memif0,role=server,...") */
	char *address;   /* IPv4 or IPv6 with prefix length: "10.0.0.1/24"; unique */
	char *gateway;   /* of address's family, or NULL */
	uint32_t mtu;    /* bytes of IP packet, 1500..9600, default 1500 */
	uint64_t rate_bps; /* cap at layer 1, 0: none. YAML takes "10G", "2500M", "1.5G" or plain bits/s */
	uint32_t queues; /* 0: as many as workers */
	uint32_t rx_descriptors, tx_descriptors; /* 0: chosen by godwit */
	bool standby;    /* carries pages only while no other port does */
};

/* Patterns (fnmatch) of the names of VMs. */
struct gw_config_allow {
	char **send, **receive; /* to and from that peer */
	uint32_t n_send, n_receive;
};

struct gw_config_peer {
	char *name;    /* what `godwitctl migrate VM NAME` takes, and what its certificate says; or "*" */
	char *address; /* of its control port: "127.0.0.1:7411", "host:port" or "[::1]:7411"; of "*": NULL */
	struct gw_config_allow allow; /* default: all */
};

/* A class of traffic: what its sessions get where nobody says otherwise. */
struct gw_config_class {
	char *name;        /* unique */
	uint32_t weight;   /* 1..1000, default 1 */
	uint64_t rate_bps; /* cap of each of its sessions at layer 1, 0: none */
};

enum gw_config_integrity { GW_CONFIG_CRC32C, GW_CONFIG_INTEGRITY_NONE };
enum gw_config_cipher { GW_CONFIG_AES_128_GCM, GW_CONFIG_AES_256_GCM };
enum gw_config_switch { GW_CONFIG_OFF, GW_CONFIG_ON };
enum gw_config_on_slowdown_limit {
	GW_CONFIG_SLOWED_ABORT,
	GW_CONFIG_SLOWED_WAIT,
	GW_CONFIG_SLOWED_SWITCHOVER
};
enum gw_config_on_limit { GW_CONFIG_ABORT, GW_CONFIG_SWITCHOVER };

struct gw_config {
	char *name;          /* of this host, told to peers; default: the host name */
	char *run_dir;       /* default /run/godwit: RPC socket, session state */
	char *vm_dir;        /* default /run/godwit/vms: NAME.export and NAME.qmp sockets */
	char *report_dir;    /* default /var/lib/godwit/reports */
	char *log_level;     /* error|warning|info|debug */
	enum gw_config_switch sandbox; /* default on */
	enum gw_config_switch security; /* default on; off: private addresses only */
	struct {
		char *ca, *certificate, *key; /* PEM files; default /etc/godwit/pki/{ca.pem,host.pem,host.key} */
		char *crl;                    /* or NULL */
	} tls;
	struct {
		char *listen;    /* default 127.0.0.1:7411 */
		uint32_t cpu;    /* of the control thread; default 0 */
	} control;
	struct {
		uint32_t *workers; /* CPU of each poll worker, default [1] */
		uint32_t n_workers;
		uint32_t priority; /* theirs and the control thread's: nice minus this; default 0 */
		enum gw_config_cipher cipher;       /* with security on */
		enum gw_config_integrity integrity; /* with security off */
		bool zero_copy;         /* default true: where the driver is safe for it and integrity is none */
		uint32_t memory_mib;    /* of huge pages for packet buffers, default 256 */
		bool huge_pages;        /* default true; false: --no-huge, for tests */
		uint32_t idle_sleep_us; /* of a worker with no session, default 50000 */
		uint32_t populate_threads; /* default 2 */
	} dataplane;
	struct {
		uint32_t owner, group, mode;          /* of the control socket: uid, gid, mode bits;
							 GW_CONFIG_NONE: see options.c */
		uint32_t vm_owner, vm_group, vm_mode; /* of vm_dir; GW_CONFIG_NONE: left as it is */
		uint32_t
			exporters[GW_CONFIG_MAX_USERS]; /* uids whose hypervisors are served, beside
							   root, godwitd's own and vm_owner */
		uint32_t n_exporters;
	} access;
	struct gw_config_port *ports;
	uint32_t n_ports;
	struct gw_config_peer *peers;
	uint32_t n_peers;
	struct gw_config_class *classes;
	uint32_t n_classes;
	struct {
		bool verify;                 /* default false */
		bool huge_pages;             /* default true */
		uint32_t blackout_limit_ms;  /* default 50, 1..60000 */
		uint32_t max_total_s;        /* 0: no limit; default 0 */
		enum gw_config_on_limit on_limit; /* default abort */
		uint32_t max_slowdown_percent; /* 0..99, default 95 */
		enum gw_config_on_slowdown_limit on_slowdown_limit; /* default wait */
		uint32_t min_epoch_ms;       /* default 250 */
		uint32_t state_limit_mib;    /* default 512, 1..4096 */
		uint32_t sync_timeout_ms;    /* default 10000 */
		uint32_t peer_timeout_ms;    /* control connection silence; default 5000 */
		uint32_t ports_down_timeout_ms; /* all paths dead this long: abort; default 10000 */
		char *after;                 /* quit|leave, default quit */
		char *class_name;            /* "class": of sessions that name none */
	} migration;
	struct {
		char *directory;     /* or NULL: none */
		uint32_t timeout_ms; /* of each, default 5000 */
		bool required;       /* a failure before pause aborts; default false */
	} hooks;
	struct {
		char *interface; /* or NULL: none */
		uint32_t rounds, initial_ms, step_ms, max_ms; /* default 5, 50, 100, 550 */
	} announce;
};

/* Reads and checks path. 0, or a negative errno with err: "FILE:LINE: KEY: what is wrong; allowed: ...".
 * On success *out owns everything. */
int gw_config_load(const char *path, struct gw_config **out, struct gw_err *err);
void gw_config_free(struct gw_config **config);

/* For --help: every option with type, unit, range, default. For the documented examples: a commented YAML file
 * of a mode ("sidecar", "offload", "bench"). Both are printed from the option table. */
void gw_config_print_help(FILE *f);
int gw_config_print_example(FILE *f, const char *mode);
