/* SPDX-License-Identifier: BSD-3-Clause */
/* godwit-guest: a native hypervisor whose guest is a few threads that write and verify memory. */
#include "guest.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void print_status(const struct guest *g)
{
	struct guest_header h = guest_status(g);

	printf("godwit-guest %s: state=%s counter=%" PRIu64 " work=%" PRIu64 " checks=%" PRIu64
	       " errors=%" PRIu64 " stunned=%u\n",
		g->options->vm_name,
		__atomic_load_n(&g->paused, __ATOMIC_RELAXED) ? "paused" : "running", h.counter,
		h.work, h.full_checks, h.errors,
		__atomic_load_n(&g->stunned_pct, __ATOMIC_RELAXED));
	fflush(stdout);
}

/* All threads inherit the mask, so signals arrive at the descriptor only. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void run(const struct guest *g, int signal_fd)
{
	struct pollfd p[2] = {
		{.fd = signal_fd, .events = POLLIN},
		{.fd = g->quit_fd, .events = POLLIN},
	};
	struct signalfd_siginfo info;

	for (;;) {
		poll(p, 2, -1);
		if (p[1].revents != 0)
			return;
		if (read(signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
			continue;
		if (info.ssi_signo != SIGUSR1)
			return;
		print_status(g);
	}
}

int main(int argc, char **argv)
{
	struct gw_export_server *server = NULL;
	struct gw_export_config config;
	struct gw_export_reason why;
	struct guest_options options;
	struct guest *guest = NULL;
	int signal_fd, ret, status = 2;

	ret = guest_options_parse(argc, argv, &options);
	if (ret != 0)
		return ret > 0 ? 0 : 2;
	signal_fd = open_signals();
	if (signal_fd < 0 || guest_create(&options, &guest, &why) < 0) {
		fprintf(stderr, "godwit-guest: %s\n", signal_fd < 0 ? "signalfd failed" : why.text);
		goto out;
	}
	config = (struct gw_export_config){
		.socket_path = options.socket_path,
		.socket_mode = options.socket_mode,
		.socket_group = options.socket_group,
		.client_user = options.client,
		.ring_entries = options.ring_entries,
		.describe = guest_describe,
		.lifecycle = guest_lifecycle_ops(),
		.throttle = guest_throttle,
		.ctx = guest,
	};
	if (gw_export_server_create(&config, &server, &why) < 0) {
		fprintf(stderr, "godwit-guest: %s\n", why.text);
		goto out;
	}
	printf("godwit-guest %s: ready, %s\n", options.vm_name, options.socket_path);
	fflush(stdout);
	run(guest, signal_fd);
	gw_export_server_free(&server);
	print_status(guest);
	status = guest_status(guest).errors != 0;
out:
	guest_free(&guest);
	if (signal_fd >= 0)
		close(signal_fd);
	return status;
}
