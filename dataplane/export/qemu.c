/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * godwit-qemu.so: exports the RAM of an unmodified QEMU. Loaded with
 *   -plugin /path/godwit-qemu.so,socket=PATH[,name=NAME][,group=GROUP][,mode=0660][,client=USER]
 *           [,huge_pages=off]
 * or, where QEMU was built without plugins, by LD_PRELOAD with GODWIT_EXPORT_SOCKET=PATH and
 * GODWIT_NAME, GODWIT_GROUP, GODWIT_MODE, GODWIT_CLIENT, GODWIT_HUGE_PAGES in the environment. It
 * calls nothing of QEMU and instruments no guest code.
 */
#include "exporter.h"
#include "qemu_args.h"
#include "qemu_options.h"
#include "qemu_prealloc.h"
#include "qemu_ram.h"
#include "qemu_version.h"
#include "uffd_wp.h"
#include "work_memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_export {
	struct gw_export_server *server;
	struct gw_uffd_source *source; /* of the current client */
	char socket_path[108];
	char vm_name[GW_EXPORT_NAME_MAX];
};

/* QEMU and the dynamic linker call in without a context, so there is one of these. */
static struct qemu_export qemu_export;

/* QEMU reads the first and calls the second. Its header is not needed for more. */
GW_EXPORT_API extern int qemu_plugin_version;
GW_EXPORT_API int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);
int qemu_plugin_version = 1;

static void uuid_of_args(const struct gw_qemu_args *args, uint8_t uuid[16])
{
	const char *text = gw_qemu_args_value(args, "-uuid");
	uint8_t parsed[16];
	unsigned int n = 0;

	while (text != NULL && *text != '\0' && n < sizeof(parsed)) {
		unsigned int byte;

		text += *text == '-';
		if (sscanf(text, "%2x", &byte) != 1 || text[1] == '\0')
			return;
		parsed[n++] = (uint8_t)byte;
		text += 2;
	}
	if (n == sizeof(parsed))
		memcpy(uuid, parsed, sizeof(parsed));
}

/* For each client anew: the mappings appear after qemu_plugin_install(), and memory can be plugged.
 */
static int describe(void *ctx, struct gw_export_description *d, struct gw_export_reason *why)
{
	struct qemu_export *q = ctx;
	struct gw_export_reason track_why = {""};
	struct gw_qemu_args args;
	struct gw_qemu_ram ram;
	int ret;

	gw_qemu_prealloc_stop();
	ret = gw_qemu_ram_find(&ram, why);
	if (ret < 0)
		return ret;
	snprintf(d->vm_name, sizeof(d->vm_name), "%s", q->vm_name);
	gw_qemu_args_read(&args);
	uuid_of_args(&args, d->uuid);
	gw_qemu_args_free(&args);
	d->n_regions = ram.n_regions;
	d->n_rings = 1;
	memcpy(d->region, ram.region, sizeof(d->region));
	memcpy(d->region_fd, ram.fd, ram.n_regions * sizeof(ram.fd[0]));
	for (uint32_t i = 0; i < ram.n_regions; i++)
		d->region_addr[i] = ram.range[i].addr;

	gw_uffd_source_free(&q->source);
	if (ram.track_error[0] != '\0')
		snprintf(d->track_error, sizeof(d->track_error), "%s", ram.track_error);
	else if (gw_uffd_source_create(ram.range, ram.n_regions, &q->source, &track_why) < 0)
		snprintf(d->track_error, sizeof(d->track_error), "%s", track_why.text);
	else {
		d->source = gw_uffd_source_ops();
		d->source_ctx = q->source;
	}
	return 0;
}

/* "/run/godwit/vms/web1.export" names the VM web1. */
static void name_from_socket(struct qemu_export *q)
{
	const char *base = strrchr(q->socket_path, '/');
	size_t len;

	base = base != NULL ? base + 1 : q->socket_path;
	len = strlen(base);
	if (len > 7 && strcmp(base + len - 7, ".export") == 0)
		len -= 7;
	snprintf(q->vm_name, sizeof(q->vm_name), "%.*s", (int)len, base);
}

static int start(const struct gw_qemu_options *options)
{
	struct qemu_export *q = &qemu_export;
	struct gw_export_config config = {
		.socket_path = q->socket_path,
		.describe = describe,
		.ctx = q,
	};
	struct gw_export_reason why;
	int ret;

	if (q->server != NULL) /* by LD_PRELOAD and as a plugin at once */
		return 0;
	gw_work_memory_reserve();
	if (strlen(options->socket) >= sizeof(q->socket_path)) {
		fprintf(stderr, "godwit-qemu: socket path '%s' is too long\n", options->socket);
		return -ENAMETOOLONG;
	}
	strcpy(q->socket_path, options->socket);
	if (options->name != NULL)
		snprintf(q->vm_name, sizeof(q->vm_name), "%s", options->name);
	else
		name_from_socket(q);
	ret = gw_qemu_options_apply(options, &config, &why);
	if (ret == 0)
		ret = gw_export_server_create(&config, &q->server, &why);
	if (ret < 0)
		fprintf(stderr, "godwit-qemu: %s\n", why.text);
	else if (options->huge_pages == NULL || strcmp(options->huge_pages, "on") == 0)
		gw_qemu_prealloc_start();
	return ret;
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	struct gw_qemu_options options;
	struct gw_export_reason why;

	(void)id;
	(void)info;
	if (gw_qemu_options_args(argc, argv, &options, &why) < 0) {
		fprintf(stderr, "godwit-qemu: %s\n", why.text);
		return -1;
	}
	return start(&options) < 0 ? -1 : 0;
}

/* A preloaded library also reaches QEMU's helpers and tools, which have no guest. */
static bool is_qemu_system(void)
{
	const char *name = program_invocation_short_name;

	return strncmp(name, "qemu-system-", 12) == 0 || strcmp(name, "qemu-kvm") == 0 ||
	       strcmp(name, "kvm") == 0;
}

static void start_from_environment(void)
{
	struct gw_qemu_options options;

	/* A VM that nobody can migrate still is a running VM: a failure is only reported. */
	if (gw_qemu_options_env(&options))
		start(&options);
}

/* -daemonize forks twice; the guest lives in the grandchild. Later forks are helpers. */
static void start_in_grandchild(void)
{
	static int forks;

	if (++forks == 2)
		start_from_environment();
}

__attribute__((constructor)) static void on_load(void)
{
	struct gw_qemu_args args;

	qemu_plugin_version = gw_qemu_plugin_version();
	if (getenv("GODWIT_EXPORT_SOCKET") == NULL || !is_qemu_system())
		return;
	gw_qemu_args_read(&args);
	/* A thread of ours would stay behind in the process that forks. */
	if (gw_qemu_args_has(&args, "-daemonize"))
		pthread_atfork(NULL, NULL, start_in_grandchild);
	else
		start_from_environment();
	gw_qemu_args_free(&args);
}

__attribute__((destructor)) static void on_exit_or_unload(void)
{
	/* QEMU unloads no plugin that has started. */
	if (qemu_export.source != NULL)
		gw_uffd_source_leave(qemu_export.source);
	gw_export_server_free(&qemu_export.server);
	gw_uffd_source_free(&qemu_export.source);
}
