/* SPDX-License-Identifier: BSD-3-Clause */
#include "load.h"
#include "check.h"
#include "fill.h"
#include "outline.h"
#include "schema.h"

#include "../dataplane/base/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES 65536
#define ONLINE_CPUS "/sys/devices/system/cpu/online"

static const cyaml_config_t cyaml_settings = {
	.mem_fn = cyaml_mem, .flags = CYAML_CFG_NO_ALIAS, .log_level = CYAML_LOG_ERROR};

void gw_config_free(struct gw_config **config)
{
	struct gw_schema schema;

	if (*config == NULL)
		return;
	gw_schema_build(&schema);
	cyaml_free(&cyaml_settings, &schema.top, *config, 0);
	*config = NULL;
}

/* The checked text into the struct. libcyaml has nothing left to refuse, so what it says is a
 * defect of ours. */
static int load_checked(const char *text, size_t len, const struct gw_outline *outline,
	const char *file, struct gw_config **out, struct gw_err *err)
{
	struct gw_config *config = NULL;
	struct gw_schema schema;
	cyaml_err_t rc;

	gw_schema_build(&schema);
	rc = cyaml_load_data((const uint8_t *)text, len, &cyaml_settings, &schema.top,
		(cyaml_data_t **)&config, NULL);
	if (rc != CYAML_OK || config == NULL)
		return gw_err(err, rc == CYAML_ERR_OOM ? -ENOMEM : -EINVAL, "%s: cannot load: %s",
			file, cyaml_strerror(rc));
	if (gw_config_fill(outline, config) < 0) {
		gw_config_free(&config);
		return gw_err(err, -ENOMEM, "%s: out of memory", file);
	}
	*out = config;
	return 0;
}

int gw_config_load_text(const char *text, size_t len, const char *file, const cpu_set_t *online,
	struct gw_config **out, struct gw_err *err)
{
	struct gw_problems problems = {.file = file};
	struct gw_outline *outline = NULL;
	int rc;

	rc = gw_outline_create(text, len, &problems, &outline);
	if (rc == -ENOMEM)
		return gw_err(err, rc, "%s: out of memory", file);
	if (rc == 0)
		gw_config_check(outline, online, &problems);
	rc = gw_problems_report(&problems, err);
	if (rc == 0)
		rc = load_checked(text, len, outline, file, out, err);
	gw_outline_free(&outline);
	return rc;
}

int gw_cpu_list_parse(const char *text, cpu_set_t *out)
{
	unsigned long first, last;
	char *end;

	CPU_ZERO(out);
	for (const char *p = text;; p = end + 1) {
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
		first = last = strtoul(p, &end, 10);
		if (*end == '-') {
			if (!isdigit((unsigned char)end[1]))
				return -EINVAL;
			last = strtoul(end + 1, &end, 10);
		}
		if (last < first)
			return -EINVAL;
		for (unsigned long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
			CPU_SET(cpu, out);
		if (*end != ',')
			return *end == '\0' || *end == '\n' ? 0 : -EINVAL;
	}
}

/* Bytes read, without what may follow beyond size; -errno. */
static ssize_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t got = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && got < size) {
		n = read(fd, buf + got, size - got);
		if (n < 0) {
			n = -errno;
			close(fd);
			return n;
		}
		got += (size_t)n;
	}
	close(fd);
	return (ssize_t)got;
}

static void online_cpus(cpu_set_t *out)
{
	char text[1024];
	ssize_t n = read_file(ONLINE_CPUS, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	if (gw_cpu_list_parse(text, out) == 0)
		return;
	/* No sysfs: what this process may use is the next best answer. */
	if (sched_getaffinity(0, sizeof(*out), out) < 0)
		CPU_ZERO(out);
}

int gw_config_load(const char *path, struct gw_config **out, struct gw_err *err)
{
	char *text = malloc(FILE_MAX_BYTES + 1);
	cpu_set_t online;
	ssize_t n;
	int rc;

	if (text == NULL)
		return gw_err(err, -ENOMEM, "%s: out of memory", path);
	n = read_file(path, text, FILE_MAX_BYTES + 1);
	if (n < 0) {
		rc = gw_err(err, (int)n, "%s: cannot read: %s", path, strerror((int)-n));
	} else if (n > FILE_MAX_BYTES) {
		rc = gw_err(err, -EFBIG, "%s: too long; allowed: %d bytes", path, FILE_MAX_BYTES);
	} else {
		online_cpus(&online);
		rc = gw_config_load_text(text, (size_t)n, path, &online, out, err);
	}
	free(text);
	return rc;
}
