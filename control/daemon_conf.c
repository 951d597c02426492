/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon_conf.h"

#include "../config/value.h"
#include "../dataplane/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int gw_daemon_log_level(const struct gw_config *config, struct gw_err *err)
{
	static const struct {
		const char *name;
		enum gw_log_level level;
	} levels[] = {{"error", GW_LOG_ERROR}, {"warning", GW_LOG_WARN}, {"info", GW_LOG_INFO},
		{"debug", GW_LOG_DEBUG}};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(config->log_level, levels[i].name) == 0) {
			gw_log_set_level(levels[i].level);
			return 0;
		}
	}
	return gw_err(err, -EINVAL, "log_level: '%s'; allowed: error, warning, info, debug",
		config->log_level);
}

static int make_directory(const char *key, const char *path, struct gw_err *err)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(part))
		return gw_err(err, -ENAMETOOLONG, "%s: '%s' is not a path", key, path);
	memcpy(part, path, n + 1);
	for (char *p = part + 1; p <= part + n; p++) {
		char was = *p;

		if (was != '/' && was != '\0')
			continue;
		*p = '\0';
		/* The umask is for files: through these folders others reach their sockets. */
		if (mkdir(part, 0755) == 0 ? chmod(part, 0755) != 0 : errno != EEXIST)
			return gw_err(err, -errno, "%s: cannot create %s: %s", key, part,
				strerror(errno));
		*p = was;
	}
	return 0;
}

/* By descriptor: what stands there may not be a link to something else. */
static int hand_over(const struct gw_config *config, struct gw_err *err)
{
	uint32_t owner = config->access.vm_owner, group = config->access.vm_group;
	uint32_t mode = config->access.vm_mode;
	int fd, rc = 0;

	if (owner == GW_CONFIG_NONE && group == GW_CONFIG_NONE && mode == GW_CONFIG_NONE)
		return 0;
	fd = open(config->vm_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return gw_err(err, -errno, "vm_dir: %s: %s", config->vm_dir, strerror(errno));
	/* GW_CONFIG_NONE is what fchown leaves alone. */
	if (fchown(fd, owner, group) < 0)
		rc = gw_err(err, -errno,
			"access.vm_owner, access.vm_group: %s cannot be given to them: %s",
			config->vm_dir, strerror(errno));
	else if (mode != GW_CONFIG_NONE && fchmod(fd, mode) < 0)
		rc = gw_err(err, -errno, "access.vm_mode: %s: %s", config->vm_dir, strerror(errno));
	close(fd);
	return rc;
}

int gw_daemon_directories(const struct gw_config *config, struct gw_err *err)
{
	int rc = make_directory("run_dir", config->run_dir, err);

	if (rc == 0)
		rc = make_directory("vm_dir", config->vm_dir, err);
	if (rc == 0)
		rc = hand_over(config, err);
	if (rc == 0)
		rc = make_directory("report_dir", config->report_dir, err);
	return rc;
}

static int port_conf(
	const struct gw_config_port *p, struct gw_dp_port_conf *out, struct gw_err *err)
{
	uint32_t prefix;

	*out = (struct gw_dp_port_conf){.name = p->name,
		.device = p->device,
		.mtu = p->mtu,
		.rate_bps = p->rate_bps,
		.queues = p->queues,
		.rx_descriptors = p->rx_descriptors,
		.tx_descriptors = p->tx_descriptors,
		.standby = p->standby};
	if (gw_value_address(p->address, &out->ip, &prefix) != 0)
		return gw_err(err, -EINVAL,
			"port '%s': address '%s'; allowed: a host's IPv4 or IPv6 address with "
			"prefix length",
			p->name, p->address);
	out->prefix = (uint8_t)prefix;
	if (p->gateway != NULL && (gw_value_ip(p->gateway, &out->gateway) != 0 ||
					  gw_ip_is_v4(&out->gateway) != gw_ip_is_v4(&out->ip)))
		return gw_err(err, -EINVAL,
			"port '%s': gateway '%s'; allowed: a host's address of the same family as "
			"%s",
			p->name, p->gateway, p->address);
	return 0;
}

uint64_t gw_daemon_capabilities(const struct gw_config *config, const struct gw_dp *dp)
{
	uint64_t keep = gw_dp_capabilities(dp);
	bool others =
		config->access.vm_owner != GW_CONFIG_NONE && config->access.vm_owner != geteuid();

	for (uint32_t i = 0; i < config->access.n_exporters; i++)
		others |= config->access.exporters[i] != geteuid();
	/* Another user's sockets are connected to, and at the end its hypervisor is killed if it
	 * does not go. */
	if (others)
		keep |= 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_KILL;
	return keep;
}

static enum gw_dp_integrity protection(const struct gw_config *config)
{
	if (config->security == GW_CONFIG_ON)
		return config->dataplane.cipher == GW_CONFIG_AES_128_GCM ? GW_DP_AES_128_GCM
									 : GW_DP_AES_256_GCM;
	return config->dataplane.integrity == GW_CONFIG_CRC32C ? GW_DP_CRC32C
							       : GW_DP_INTEGRITY_NONE;
}

int gw_daemon_dp_conf(const struct gw_config *config, struct gw_dp_conf *conf, struct gw_err *err)
{
	memset(conf, 0, sizeof(*conf));
	conf->control_cpu = config->control.cpu;
	conf->n_workers = config->dataplane.n_workers;
	conf->priority = config->dataplane.priority;
	conf->n_ports = config->n_ports;
	if (conf->n_workers == 0 || conf->n_workers > GW_DP_MAX_WORKERS ||
		conf->n_ports > GW_DP_MAX_PORTS)
		return gw_err(err, -EINVAL, "dataplane: 1..%u workers and at most %u ports",
			GW_DP_MAX_WORKERS, GW_DP_MAX_PORTS);
	for (uint32_t i = 0; i < conf->n_workers; i++)
		conf->worker_cpu[i] = config->dataplane.workers[i];
	conf->integrity = protection(config);
	conf->zero_copy = config->dataplane.zero_copy;
	conf->memory_mib = config->dataplane.memory_mib;
	conf->huge_pages = config->dataplane.huge_pages;
	conf->idle_sleep_us = config->dataplane.idle_sleep_us;
	for (uint32_t i = 0; i < config->n_ports; i++) {
		int rc = port_conf(&config->ports[i], &conf->port[i], err);

		if (rc != 0)
			return rc;
	}
	return 0;
}
