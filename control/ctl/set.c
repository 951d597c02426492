/* SPDX-License-Identifier: BSD-3-Clause */
/* The set command. What the values may be is godwitd's to say. */
#include "ctl.h"
#include "text.h"

#include <string.h>

/* KEY=VALUE; numbers as numbers. False after saying what is wrong. */
static bool assignment(json_t *params, const char *text)
{
	const char *equals = strchr(text, '=');
	char key[64];
	size_t n = equals != NULL ? (size_t)(equals - text) : 0;

	if (n == 0 || n >= sizeof(key)) {
		ctl_usage("set: '%s' is not KEY=VALUE", text);
		return false;
	}
	memcpy(key, text, n);
	key[n] = '\0';
	if (strcmp(key, "vm") == 0 || strcmp(key, "id") == 0 || strcmp(key, "port") == 0 ||
		json_object_get(params, key) != NULL) {
		ctl_usage("set: '%s': %s", text,
			json_object_get(params, key) != NULL ? "the key is there twice"
							     : "that is not a value to set");
		return false;
	}
	json_object_set_new(params, key, json_string(equals + 1));
	return true;
}

static struct text cap(const json_t *o)
{
	double bps = text_number(o, "rate_bps", 0);

	return bps == 0 ? text_format("no cap") : text_format("cap %s", text_rate(bps).s);
}

static void show_port(const json_t *p)
{
	printf("%s: %s, %s\n", text_of(p, "name").s, cap(p).s,
		json_is_true(json_object_get(p, "stopped")) ? "out of service" : "in service");
}

static void show_session(const json_t *s)
{
	printf("%s: class %s, weight %s, %s, blackout limit %s\n", text_of(s, "vm").s,
		text_of(s, "class").s, text_of(s, "weight").s, cap(s).s,
		text_ms(text_number(s, "blackout_limit_ms", -1)).s);
}

int ctl_set(const struct ctl *ctl, int argc, char **argv)
{
	bool port = argc > 1 && strcmp(argv[1], "--port") == 0;
	int first = port ? 3 : 2, rc;
	json_t *params = json_object(), *result = NULL;

	if (argc <= first || (!port && argv[1][0] == '-')) {
		json_decref(params);
		return ctl_usage("set takes VM or ID, or --port NAME, and KEY=VALUE...");
	}
	for (int i = first; i < argc; i++)
		if (!assignment(params, argv[i])) {
			json_decref(params);
			return CTL_USAGE;
		}
	if (port) {
		json_object_set_new(params, "port", json_string(argv[2]));
		rc = ctl_call(ctl, "set", params, &result);
	} else {
		rc = ctl_call_session(ctl, "set", argv[1], params, &result);
	}
	if (rc != CTL_OK)
		return rc;
	if (ctl->json)
		ctl_print_json(result);
	else if (port)
		show_port(result);
	else
		show_session(result);
	json_decref(result);
	return CTL_OK;
}
