/* SPDX-License-Identifier: BSD-3-Clause */
/* The migrate command. */
#include "follow.h"
#include "text.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static bool number_option(json_t *params, const char *key, const char *text, long min, long max)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
		return false;
	json_object_set_new(params, key, json_integer(value));
	return true;
}

/* c may be NULL. */
static bool word_option(json_t *params, const char *key, const char *text, const char *a,
	const char *b, const char *c)
{
	if (strcmp(text, a) != 0 && strcmp(text, b) != 0 && (c == NULL || strcmp(text, c) != 0))
		return false;
	json_object_set_new(params, key, json_string(text));
	return true;
}

static void add_to_list(json_t *params, const char *key, const char *text)
{
	json_t *list = json_object_get(params, key);

	if (list == NULL) {
		list = json_array();
		json_object_set_new(params, key, list);
	}
	json_array_append_new(list, json_string(text));
}

/* 0, or an exit code after saying what is wrong. */
static int parse(int argc, char **argv, json_t *params, bool *detach)
{
	static const struct option options[] = {{"verify", no_argument, NULL, 'v'},
		{"after", required_argument, NULL, 'a'}, {"populate-first", no_argument, NULL, 'p'},
		{"blackout-limit", required_argument, NULL, 'b'},
		{"max-total", required_argument, NULL, 'm'},
		{"on-limit", required_argument, NULL, 'o'}, {"detach", no_argument, NULL, 'd'},
		{"class", required_argument, NULL, 'c'}, {"weight", required_argument, NULL, 'w'},
		{"rate", required_argument, NULL, 'r'}, {"announce", required_argument, NULL, 'n'},
		{"max-slowdown", required_argument, NULL, 's'},
		{"on-slowdown-limit", required_argument, NULL, 'l'}, {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'v')
			json_object_set_new(params, "verify", json_true());
		else if (option == 'p')
			json_object_set_new(params, "populate_first", json_true());
		else if (option == 'd')
			*detach = true;
		else if (option == 'a' &&
			 !word_option(params, "after", optarg, "quit", "leave", NULL))
			return ctl_usage("--after %s: allowed: quit or leave", optarg);
		else if (option == 'o' &&
			 !word_option(params, "on_limit", optarg, "abort", "switchover", NULL))
			return ctl_usage("--on-limit %s: allowed: abort or switchover", optarg);
		else if (option == 'b' &&
			 !number_option(params, "blackout_limit_ms", optarg, 1, 60000))
			return ctl_usage("--blackout-limit %s: allowed: 1..60000 ms", optarg);
		else if (option == 'm' && !number_option(params, "max_total_s", optarg, 0, 604800))
			return ctl_usage("--max-total %s: allowed: 0..604800 s", optarg);
		else if (option == 'w' && !number_option(params, "weight", optarg, 1, 1000))
			return ctl_usage("--weight %s: allowed: 1..1000", optarg);
		else if (option == 's' &&
			 !number_option(params, "max_slowdown_percent", optarg, 0, 99))
			return ctl_usage("--max-slowdown %s: allowed: 0..99 percent", optarg);
		else if (option == 'l' && !word_option(params, "on_slowdown_limit", optarg, "abort",
						  "wait", "switchover"))
			return ctl_usage("--on-slowdown-limit %s: allowed: abort, wait or "
					 "switchover",
				optarg);
		else if (option == 'c')
			json_object_set_new(params, "class", json_string(optarg));
		else if (option == 'r')
			json_object_set_new(params, "rate", json_string(optarg));
		else if (option == 'n')
			add_to_list(params, "announce", optarg);
		else if (option == '?')
			return CTL_USAGE;
	}
	if (argc - optind != 2)
		return ctl_usage("migrate takes VM HOST");
	json_object_set_new(params, "vm", json_string(argv[optind]));
	json_object_set_new(params, "host", json_string(argv[optind + 1]));
	return 0;
}

int ctl_migrate(const struct ctl *ctl, int argc, char **argv)
{
	struct follow f = {.ctl = ctl};
	json_t *params = json_object(), *result = NULL;
	struct ctl_error error = {0};
	bool detach = false;
	int rc = parse(argc, argv, params, &detach);

	if (rc != 0) {
		json_decref(params);
		return rc;
	}
	f.vm = argv[optind];
	f.host = argv[optind + 1];
	follow_begin(&f);
	rc = ctl_client_create(ctl->socket, &f.client, &error);
	if (rc < 0)
		json_decref(params);
	else
		rc = ctl_client_call(
			f.client, "migrate", params, follow_interrupted, &f, &result, &error);
	if (rc < 0) {
		rc = ctl_explain(ctl, &error);
	} else {
		f.id = json_incref(json_object_get(result, "id"));
		if (!detach)
			rc = follow_run(&f);
		else if (ctl->json)
			ctl_print_json(result);
		else
			printf("%s\n", text_of(result, "id").s);
		if (detach)
			follow_interrupted(&f);
	}
	json_decref(f.id);
	json_decref(result);
	ctl_error_clear(&error);
	ctl_client_free(&f.client);
	return rc;
}
