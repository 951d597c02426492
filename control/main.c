/* SPDX-License-Identifier: BSD-3-Clause */
/* godwitd: a list of starts and one unwind. */
#include "../config/config.h"
#include "../dataplane/base/log.h"
#include "announce/announcer.h"
#include "attendant/attendant.h"
#include "daemon_conf.h"
#include "harden/harden.h"
#include "manager.h"
#include "security.h"
#include "service.h"
#include "slice.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* The kernel takes no shorter one. Its next step may be what a guest stands still for, and is
 * short. */
#define CONTROL_SLICE_NS 100000u

#define DEFAULT_CONFIG "/etc/godwit/godwitd.yaml"

struct daemon {
	struct gw_config *config;
	struct gw_attendant *attendant;
	struct gw_announcer *announcer;
	struct gw_loop *loop;
	struct gw_security *security;
	struct gw_service *service;
	struct gw_dp *dp;
	struct gw_manager *manager;
	struct gw_watch *sigterm, *sigint, *sighup;
	struct gw_harden_watch *sandbox;
};

static void usage(FILE *f)
{
	fprintf(f,
		"usage: godwitd [--config FILE] [--check-config]\n"
		"  --config FILE    configuration, default " DEFAULT_CONFIG "\n"
		"  --check-config   read the configuration, say what is wrong with it, and exit\n"
		"  --version        print the version and exit\n"
		"  --help           print this and every configuration option, and exit\n\n");
}

static void stopped(void *arg)
{
	struct daemon *d = arg;

	gw_loop_stop(d->loop);
}

static void on_signal(void *ctx, uint32_t signo)
{
	struct daemon *d = ctx;

	gw_info("signal %u: stopping", signo);
	sd_notify(0, "STOPPING=1");
	gw_manager_stop(d->manager, stopped, d);
}

static void on_hangup(void *ctx, uint32_t signo)
{
	struct daemon *d = ctx;
	struct gw_err err = {.text = ""};

	(void)signo;
	/* What is wrong with the files has been logged. */
	if (gw_security_reload(d->security, &err) == -ENOTSUP)
		gw_warn("SIGHUP: %s", err.text);
}

static void renewed(void *ctx)
{
	struct daemon *d = ctx;

	gw_peers_renewed(gw_manager_peers(d->manager));
}

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/* Before any thread exists, so that all inherit it. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Last of all: what starts before may open and ask for anything. */
static int confine(struct daemon *d, struct gw_err *err)
{
	int rc;

	if (d->config->sandbox == GW_CONFIG_OFF) {
		gw_warn("sandbox: off: all capabilities and system calls stay");
		return 0;
	}
	rc = gw_harden_capabilities(gw_daemon_capabilities(d->config, d->dp), "", err);
	return rc != 0 ? rc : gw_harden_syscalls(d->loop, NULL, 0, &d->sandbox, err);
}

/* First of all: there are no threads yet, and nothing that it should not have. */
static int start_attendant(struct daemon *d, struct gw_err *err)
{
	const struct gw_attendant_conf conf = {.hooks = d->config->hooks.directory,
		.hook_timeout_ms = d->config->hooks.timeout_ms,
		.sandbox = d->config->sandbox == GW_CONFIG_ON};

	return gw_attendant_start(&conf, &d->attendant, err);
}

static int start_announcer(struct daemon *d, struct gw_err *err)
{
	const struct gw_announce_conf conf = {.interface = d->config->announce.interface,
		.rounds = d->config->announce.rounds,
		.initial_ms = d->config->announce.initial_ms,
		.step_ms = d->config->announce.step_ms,
		.max_ms = d->config->announce.max_ms};

	return conf.interface == NULL ? 0 : gw_announcer_create(d->loop, &conf, &d->announcer, err);
}

static int start_manager(struct daemon *d, struct gw_err *err)
{
	const struct gw_manager_conf conf = {.loop = d->loop,
		.dp = d->dp,
		.config = d->config,
		.tls = gw_security_tls(d->security),
		.attendant = d->attendant,
		.announcer = d->announcer};
	int rc = gw_attendant_watch(d->attendant, d->loop);

	if (rc != 0)
		return gw_err(err, rc, "attendant: %s", strerror(-rc));
	return gw_manager_create(&conf, &d->manager, err);
}

static int watch_signals(struct daemon *d, struct gw_err *err)
{
	d->sigterm = gw_watch_signal(d->loop, SIGTERM, on_signal, d);
	d->sigint = gw_watch_signal(d->loop, SIGINT, on_signal, d);
	d->sighup = gw_watch_signal(d->loop, SIGHUP, on_hangup, d);
	if (d->sigterm == NULL || d->sigint == NULL || d->sighup == NULL)
		return gw_err(err, -ENOMEM, "signals: %s", strerror(errno));
	return 0;
}

static int start(struct daemon *d, struct gw_err *err)
{
	struct gw_dp_conf conf;
	int rc;

	rc = start_attendant(d, err);
	if (rc != 0)
		return rc;
	gw_harden_dumps();
	rc = gw_daemon_directories(d->config, err);
	if (rc != 0)
		return rc;
	rc = gw_daemon_dp_conf(d->config, &conf, err);
	if (rc != 0)
		return rc;
	rc = gw_loop_create(&d->loop);
	if (rc != 0)
		return gw_err(err, rc, "event loop: %s", strerror(-rc));
	rc = gw_security_create(d->loop, d->config, &d->security, err);
	if (rc != 0)
		return rc;
	rc = gw_service_create(d->loop, d->config, d->security, &d->service, err);
	if (rc != 0)
		return rc;
	/* They are looked at when the loop runs. */
	rc = watch_signals(d, err);
	if (rc != 0)
		return rc;
	rc = gw_dp_create(&conf, &d->dp, err);
	if (rc != 0)
		return rc;
	/* Of this thread alone: the workers have begun. */
	gw_slice_set_ns(CONTROL_SLICE_NS);
	rc = start_announcer(d, err);
	if (rc != 0)
		return rc;
	rc = start_manager(d, err);
	if (rc != 0)
		return rc;
	gw_service_set_manager(d->service, d->manager);
	gw_security_on_renewed(d->security, renewed, d);
	return confine(d, err);
}

static void unwind(struct daemon *d)
{
	if (d->sigterm != NULL)
		gw_watch_free(&d->sigterm);
	if (d->sigint != NULL)
		gw_watch_free(&d->sigint);
	if (d->sighup != NULL)
		gw_watch_free(&d->sighup);
	gw_service_free(&d->service);
	gw_manager_free(&d->manager);
	gw_attendant_free(&d->attendant);
	gw_announcer_free(&d->announcer);
	gw_harden_watch_free(&d->sandbox);
	gw_security_free(&d->security);
	if (d->loop != NULL)
		gw_loop_free(&d->loop);
	if (d->dp != NULL)
		gw_dp_free(&d->dp);
	gw_config_free(&d->config);
}

static int run(const char *path, bool check_only)
{
	struct daemon d = {0};
	struct gw_err err = {.text = ""};
	int rc = gw_config_load(path, &d.config, &err);

	if (rc == 0)
		rc = gw_daemon_log_level(d.config, &err);
	if (rc == 0 && !check_only)
		rc = start(&d, &err);
	if (rc != 0)
		gw_error("%s", err.text);
	if (rc == 0 && !check_only) {
		gw_info("godwitd %s: '%s' is ready", GODWIT_VERSION, d.config->name);
		sd_notify(0, "READY=1");
		rc = gw_loop_run(d.loop);
		gw_info("stopped");
	}
	unwind(&d);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, 'k'}, {"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *path = DEFAULT_CONFIG;
	bool check_only = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			path = optarg;
			break;
		case 'k':
			check_only = true;
			break;
		case 'v':
			printf("godwitd %s (DPDK %s)\n", GODWIT_VERSION, GODWIT_DPDK_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			usage(stdout);
			gw_config_print_help(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EXIT_FAILURE;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return EXIT_FAILURE;
	}
	block_signals();
	return run(path, check_only);
}
