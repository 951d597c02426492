/* SPDX-License-Identifier: BSD-3-Clause */
#include "follow.h"
#include "progress.h"
#include "text.h"

#include "../../dataplane/base/clock.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 200
#define PLAIN_LINE_NS GW_NS_PER_S
#define RECONNECT_NS (10 * GW_NS_PER_S) /* how long a restarting godwitd is waited for */

static volatile sig_atomic_t interrupts;

static void on_interrupt(int signo)
{
	(void)signo;
	interrupts++;
}

void follow_begin(struct follow *f)
{
	const struct sigaction action = {
		.sa_handler = on_interrupt}; /* no SA_RESTART: a wait must end */

	f->terminal = isatty(STDOUT_FILENO);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void close_line(struct follow *f)
{
	if (f->line_open)
		putchar('\n');
	f->line_open = false;
	fflush(stdout);
}

static void say(struct follow *f, const char *text)
{
	close_line(f);
	if (!f->ctl->json)
		fprintf(stderr, "%s\n", text);
}

/* Over a connection of its own, because f->client may be waiting for an answer. */
static void send_abort(struct follow *f)
{
	struct ctl_client *client = NULL;
	struct ctl_error error = {0};
	json_t *result = NULL;
	int rc;

	rc = ctl_client_create(f->ctl->socket, &client, &error);
	if (rc == 0)
		rc = ctl_client_call(client, "abort",
			json_pack("{s:O, s:s}", "id", f->id, "reason", "interrupted by godwitctl"),
			NULL, NULL, &result, &error);
	if (rc < 0)
		say(f, text_format("cannot abort: %.100s", error.text).s);
	json_decref(result);
	ctl_error_clear(&error);
	ctl_client_free(&client);
}

static void leave(struct follow *f)
{
	say(f, f->id != NULL ? "leaving; the migration goes on aborting ('godwitctl list' shows it)"
			     : "leaving before godwitd has answered; 'godwitctl list' shows "
			       "whether it began");
	exit(CTL_FAILED);
}

/* After each signal, also while a call waits. */
void follow_interrupted(void *ctx)
{
	struct follow *f = ctx;

	if (interrupts > 1)
		leave(f);
	if (interrupts == 0 || f->aborting)
		return;
	if (f->id == NULL) {
		say(f, "will abort as soon as godwitd has answered; Ctrl-C again leaves at once");
		return;
	}
	f->aborting = true;
	say(f, "aborting and waiting for the end; Ctrl-C again leaves at once");
	send_abort(f);
}

static int terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		return size.ws_col;
	return 80;
}

static void print_status(struct follow *f, const json_t *status)
{
	struct text phase = text_of(status, "phase");
	uint64_t now_ns = gw_now_ns();
	char line[PROGRESS_LINE];

	if (f->ctl->json) {
		ctl_print_json(status);
	} else if (f->terminal) {
		/* The last column stays free: writing it would wrap on some terminals. */
		progress_line(status, terminal_width() - 1, line, sizeof(line));
		printf("\r%s\033[K", line);
		f->line_open = true;
	} else if (strncmp(phase.s, f->phase, sizeof(f->phase) - 1) != 0 ||
		   now_ns - f->printed_ns >= PLAIN_LINE_NS) {
		progress_line(status, PROGRESS_LINE - 1, line, sizeof(line));
		printf("%s\n", line);
		snprintf(f->phase, sizeof(f->phase), "%.31s", phase.s);
		f->printed_ns = now_ns;
	}
	fflush(stdout);
}

/* The newest status; waits for a godwitd that restarts. */
static int poll_status(struct follow *f, json_t **status, struct ctl_error *error)
{
	uint64_t end_ns = gw_now_ns() + RECONNECT_NS;
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	bool lost = false;

	for (;;) {
		if (f->client != NULL &&
			ctl_client_call(f->client, "show", json_pack("{s:O}", "id", f->id),
				follow_interrupted, f, status, error) == 0)
			return 0;
		if ((f->client != NULL && error->code != 0) || gw_now_ns() > end_ns)
			return -1;
		if (!lost)
			say(f, "lost godwitd; waiting for it to come back");
		lost = true;
		ctl_client_free(&f->client);
		nanosleep(&pause, NULL);
		follow_interrupted(f);
		ctl_error_clear(error);
		ctl_client_create(f->ctl->socket, &f->client, error);
	}
}

/* The last line: what became of it, from the report where there is one. */
static int print_end(struct follow *f, const json_t *status)
{
	static const char *const essentials[] = {"id", "vm", "role", "peer", "result", "error",
		"total_ms", "blackout_ms", "state_bytes", "verify", "integrity", "security"};
	const char *error = json_string_value(json_object_get(status, "error"));
	struct text result = text_of(status, "result");
	struct ctl_error why = {0};
	json_t *report = NULL, *verify, *out;
	bool verified;
	int column;

	if (ctl_client_call(f->client, "report", json_pack("{s:O}", "id", f->id), NULL, NULL,
		    &report, &why) < 0)
		report = json_pack("{s:O, s:O*, s:O*, s:O*}", "id", f->id, "vm",
			json_object_get(status, "vm"), "result", json_object_get(status, "result"),
			"error", json_object_get(status, "error"));
	verify = json_object_get(report, "verify");
	verified = json_is_true(json_object_get(verify, "enabled")) &&
		   text_number(verify, "mismatched", 1) == 0;
	if (f->ctl->json) {
		out = json_object();
		for (size_t i = 0; i < sizeof(essentials) / sizeof(essentials[0]); i++)
			if (json_object_get(report, essentials[i]) != NULL)
				json_object_set(
					out, essentials[i], json_object_get(report, essentials[i]));
		ctl_print_json(out);
		json_decref(out);
	} else if (strcmp(result.s, "completed") == 0) {
		printf("%s runs on %s: %s, blackout %s%s%s\n", f->vm, f->host,
			text_ms(text_number(
					report, "total_ms", text_number(status, "elapsed_ms", -1)))
				.s,
			text_ms(text_number(status, "blackout_ms", -1)).s,
			verified ? ", memory verified" : "", ctl_in_the_clear(report).s);
	} else {
		column = printf("%s: %s after %s: ", f->vm, result.s,
			text_ms(text_number(status, "elapsed_ms", -1)).s);
		text_wrap(stdout, error == NULL ? "no reason given" : error, column, 2, 80);
	}
	json_decref(report);
	ctl_error_clear(&why);
	return strcmp(result.s, "completed") == 0 ? CTL_OK : CTL_FAILED;
}

int follow_run(struct follow *f)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	struct ctl_error error = {0};
	json_t *status = NULL;
	bool ended = false;
	int rc;

	for (;;) {
		follow_interrupted(f);
		if (poll_status(f, &status, &error) < 0) {
			close_line(f);
			rc = ctl_explain(f->ctl, &error);
			ctl_error_clear(&error);
			return rc;
		}
		ended = json_is_string(json_object_get(status, "result"));
		print_status(f, status);
		if (ended)
			break;
		json_decref(status);
		nanosleep(&pause, NULL); /* a signal ends it early, which is fine */
	}
	close_line(f);
	rc = print_end(f, status);
	json_decref(status);
	return rc;
}
