/* SPDX-License-Identifier: BSD-3-Clause */
/* The dirty-rate command: waits for the measurement, shows how it goes, ends it on Ctrl-C. */
#include "ctl.h"
#include "text.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_SECONDS 60
#define PROGRESS_MS 500

struct wait {
	const struct ctl *ctl;
	const char *vm;
	bool progress, ending, line_open;
};

static volatile sig_atomic_t interrupts;

static void on_interrupt(int signo)
{
	if (signo != SIGALRM)
		interrupts++;
}

static void close_line(struct wait *w)
{
	if (w->line_open)
		fputc('\n', stderr);
	w->line_open = false;
}

/* Over a connection of its own: the other waits for its answer. NULL where there is none. */
static json_t *ask(const struct wait *w, const char *method)
{
	struct ctl_client *client = NULL;
	struct ctl_error error = {0};
	json_t *result = NULL;

	if (ctl_client_create(w->ctl->socket, &client, &error) == 0)
		ctl_client_call(client, method, json_pack("{s:s}", "vm", w->vm), NULL, NULL,
			&result, &error);
	ctl_error_clear(&error);
	ctl_client_free(&client);
	return result;
}

static void show_progress(struct wait *w)
{
	json_t *m = ask(w, "dirty_rate_so_far");

	if (m == NULL)
		return;
	fprintf(stderr, "\r%s\033[K",
		text_format("%.1f of %.0f s  dirty %s  working set %s",
			text_number(m, "measured_ms", 0) / 1000,
			text_number(m, "asked_ms", 0) / 1000,
			text_rate(text_number(m, "dirty_rate_bps", 0)).s,
			text_bytes(text_number(m, "working_set_bytes", 0)).s)
			.s);
	w->line_open = true;
	json_decref(m);
}

/* After each signal, the timer's too. */
static void on_signal(void *ctx)
{
	struct wait *w = ctx;

	if (interrupts > 1) {
		close_line(w);
		exit(CTL_FAILED); /* which ends it, too */
	}
	if (interrupts == 1 && !w->ending) {
		w->ending = true;
		json_decref(ask(w, "dirty_rate_end"));
	}
	if (w->progress && !w->ending)
		show_progress(w);
}

static void catch_signals(const struct wait *w)
{
	const struct sigaction action = {.sa_handler = on_interrupt}; /* a wait must end */
	const struct itimerval period = {{0, PROGRESS_MS * 1000}, {0, PROGRESS_MS * 1000}};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (w->progress) {
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &period, NULL);
	}
}

static void print_forecast(const json_t *m)
{
	const json_t *f = json_object_get(m, "forecast");
	struct text blackout = text_ms(round(text_number(f, "blackout_ms", 0)));
	struct text limit = text_ms(text_number(f, "blackout_limit_ms", 0));

	if (json_is_number(json_object_get(m, "wire_rate_bps")))
		printf("wire rate           %s of pages, %s\n",
			text_rate(text_number(m, "wire_rate_bps", 0)).s,
			strcmp(text_of(m, "wire_rate_from").s, "measured") == 0
				? "as migrations before had it"
				: "as much as the ports take");
	else
		printf("wire rate           not known: no port has a cap, and nothing was moved "
		       "yet\n");
	if (!json_is_object(f))
		return;
	if (!json_is_true(json_object_get(f, "converges")))
		printf("a migration         does not converge within max_slowdown_percent: it "
		       "would\n"
		       "                    stop the guest for %s (limit %s)\n",
			blackout.s, limit.s);
	else
		printf("a migration         converges in %s, %s epochs%s\n"
		       "blackout            %s (limit %s)\n",
			text_ms(text_number(f, "total_ms", 0)).s, text_of(f, "epochs").s,
			text_number(f, "slowdown_percent", 0) > 0
				? text_format(", with the guest slowed by %s %%",
					  text_of(f, "slowdown_percent").s)
					  .s
				: "",
			blackout.s, limit.s);
}

static void print(const json_t *m)
{
	printf("measured            %.1f s%s\n", text_number(m, "measured_ms", 0) / 1000,
		json_is_true(json_object_get(m, "complete")) ? "" : ", then ended");
	printf("dirty rate          %s, %s pages/s\n",
		text_rate(text_number(m, "dirty_rate_bps", 0)).s,
		text_count(round(text_number(m, "dirty_pages_per_s", 0))).s);
	printf("peak                %s\n", text_rate(text_number(m, "peak_rate_bps", 0)).s);
	printf("working set         %s, %s pages of %s\n",
		text_bytes(text_number(m, "working_set_bytes", 0)).s,
		text_count(text_number(m, "working_set_pages", 0)).s,
		text_bytes(text_number(m, "memory_bytes", 0)).s);
	print_forecast(m);
}

static int parse(int argc, char **argv, json_t *params)
{
	static const struct option options[] = {
		{"seconds", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	int option;
	char *end;
	long n;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 's')
			return CTL_USAGE;
		n = strtol(optarg, &end, 10);
		if (end == optarg || *end != '\0' || n < 1 || n > MAX_SECONDS)
			return ctl_usage("--seconds %s: allowed: 1..%d", optarg, MAX_SECONDS);
		json_object_set_new(params, "seconds", json_integer(n));
	}
	if (argc - optind != 1)
		return ctl_usage("dirty-rate takes VM");
	json_object_set_new(params, "vm", json_string(argv[optind]));
	return CTL_OK;
}

int ctl_dirty_rate(const struct ctl *ctl, int argc, char **argv)
{
	struct wait w = {.ctl = ctl, .progress = !ctl->json && isatty(STDERR_FILENO)};
	json_t *params = json_object(), *result = NULL;
	struct ctl_client *client = NULL;
	struct ctl_error error = {0};
	int rc = parse(argc, argv, params);

	if (rc != CTL_OK) {
		json_decref(params);
		return rc;
	}
	w.vm = argv[optind];
	catch_signals(&w);
	rc = ctl_client_create(ctl->socket, &client, &error);
	if (rc < 0)
		json_decref(params);
	else
		rc = ctl_client_call(client, "dirty_rate", params, on_signal, &w, &result, &error);
	close_line(&w);
	if (rc < 0)
		rc = ctl_explain(ctl, &error);
	else if (ctl->json)
		ctl_print_json(result);
	else
		print(result);
	if (rc == CTL_OK && w.ending)
		rc = CTL_FAILED;
	json_decref(result);
	ctl_error_clear(&error);
	ctl_client_free(&client);
	return rc;
}
