/* SPDX-License-Identifier: BSD-3-Clause */
#include "service_params.h"

#include "../config/class.h"
#include "../config/options.h"
#include "../config/value.h"

#include <errno.h>
#include <string.h>

#define INVALID_PARAMS -32602
#define MAX_BLACKOUT_MS 60000u
#define MAX_SLOWDOWN_PERCENT 99u

/* Every key must be among `allowed` (NULL-terminated). Answers the call and returns false where one
 * is not. */
bool gw_params_known(struct gw_rpc_call *call, const json_t *params, const char *const *allowed)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)params, key, value)
	{
		const char *const *a = allowed;

		while (*a != NULL && strcmp(*a, key) != 0)
			a++;
		if (*a == NULL) {
			gw_rpc_error(call, INVALID_PARAMS, NULL, "unknown parameter '%.64s'", key);
			return false;
		}
	}
	return true;
}

bool gw_params_ids(struct gw_rpc_call *call, const json_t *params, struct gw_params_ids *out)
{
	out->id = json_string_value(json_object_get(params, "id"));
	out->vm = out->id == NULL ? json_string_value(json_object_get(params, "vm")) : NULL;
	if (out->id == NULL && out->vm == NULL) {
		gw_rpc_error(call, INVALID_PARAMS, NULL, "id or vm is needed");
		return false;
	}
	return true;
}

static int optional_bool(const json_t *params, const char *key, bool *out)
{
	const json_t *v = json_object_get(params, key);

	if (v == NULL)
		return 0;
	*out = json_is_true(v);
	return json_is_boolean(v) ? 0 : -EINVAL;
}

bool gw_params_resolution(
	struct gw_rpc_call *call, const json_t *params, enum gw_resolution *as, bool *sure)
{
	const char *text = json_string_value(json_object_get(params, "as"));

	*sure = false;
	if (text == NULL || gw_resolution_parse(text, as) != 0) {
		gw_rpc_error(call, INVALID_PARAMS, NULL,
			"as: '%.32s' is not valid; allowed: running-here, running-there or gone",
			text != NULL ? text : "");
		return false;
	}
	if (optional_bool(params, "sure", sure) != 0) {
		gw_rpc_error(call, INVALID_PARAMS, NULL, "sure: true or false");
		return false;
	}
	return true;
}

static int optional_u32(
	const json_t *params, const char *key, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t v;

	if (json_object_get(params, key) == NULL)
		return 0;
	if (gw_message_u64(params, key, max, &v) != 0 || v < min)
		return -EINVAL;
	*out = (uint32_t)v;
	return 0;
}

/* yes is what the first of two words means. */
static int optional_word(
	const json_t *params, const char *key, const char *first, const char *second, bool *out)
{
	const json_t *v = json_object_get(params, key);
	const char *s = json_string_value(v);

	if (v == NULL)
		return 0;
	if (s == NULL || (strcmp(s, first) != 0 && strcmp(s, second) != 0))
		return -EINVAL;
	*out = strcmp(s, first) == 0;
	return 0;
}

static int optional_on_spent(const json_t *params, enum gw_convergence_on_spent *out)
{
	static const char *const word[] = {[GW_SPENT_ABORT] = "abort",
		[GW_SPENT_WAIT] = "wait",
		[GW_SPENT_SWITCH] = "switchover"};
	const json_t *v = json_object_get(params, "on_slowdown_limit");
	const char *s = json_string_value(v);

	if (v == NULL)
		return 0;
	for (uint32_t i = 0; s != NULL && i < sizeof(word) / sizeof(word[0]); i++) {
		if (strcmp(s, word[i]) == 0) {
			*out = (enum gw_convergence_on_spent)i;
			return 0;
		}
	}
	return -EINVAL;
}

bool gw_params_option(struct gw_rpc_call *call, const json_t *params, const char *section,
	const char *key, bool *given, uint64_t *out)
{
	const struct gw_option *o = gw_option_find(gw_section_find(section), key);
	const json_t *v = json_object_get(params, key);
	char text[64] = "", allowed[128];
	int rc;

	*given = v != NULL;
	if (v == NULL)
		return true;
	if (json_is_integer(v))
		snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
	else if (json_is_string(v))
		snprintf(text, sizeof(text), "%s", json_string_value(v));
	if (gw_value_check(o, text) == 0) {
		rc = o->type == GW_OPTION_RATE ? gw_value_rate(text, out)
					       : gw_value_uint(text, out);
		if (rc == 0)
			return true;
	}
	gw_option_allowed(o, allowed, sizeof(allowed));
	gw_rpc_error(call, INVALID_PARAMS, NULL, "%s: '%s' is not valid; allowed: %s", key, text,
		allowed);
	return false;
}

bool gw_params_class(const struct gw_config *config, struct gw_rpc_call *call, const json_t *params,
	const struct gw_config_class **out)
{
	const json_t *v = json_object_get(params, "class");
	const char *name = json_string_value(v);
	const struct gw_config_class *class = name != NULL ? gw_config_class(config, name) : NULL;
	char known[256] = GW_CONFIG_DEFAULT_CLASS;

	if (v == NULL)
		return true;
	if (class != NULL) {
		*out = class;
		return true;
	}
	for (uint32_t i = 0; i < config->n_classes; i++) {
		size_t n = strlen(known);

		if (strcmp(config->classes[i].name, GW_CONFIG_DEFAULT_CLASS) != 0)
			snprintf(known + n, sizeof(known) - n, ", %s", config->classes[i].name);
	}
	gw_rpc_error(call, INVALID_PARAMS, NULL, "class: '%.63s' is no class here; allowed: %s",
		name != NULL ? name : "", known);
	return false;
}

/* Class first: what is given beside it comes before its values. */
static bool tuning(const struct gw_config *config, struct gw_rpc_call *call, const json_t *params,
	struct gw_tuning *t)
{
	const struct gw_config_class *class = NULL;
	uint64_t weight, rate_bps;
	bool has_weight, has_rate;

	if (!gw_params_class(config, call, params, &class) ||
		!gw_params_option(call, params, "classes", "weight", &has_weight, &weight) ||
		!gw_params_option(call, params, "classes", "rate", &has_rate, &rate_bps))
		return false;
	if (class != NULL)
		gw_tuning_class(t, class);
	if (has_weight)
		t->weight = (uint32_t)weight;
	if (has_rate)
		t->rate_bps = rate_bps;
	return true;
}

bool gw_params_migrate(const struct gw_manager *manager, struct gw_rpc_call *call,
	const json_t *params, struct gw_migrate *m)
{
	gw_manager_defaults(manager, m);
	m->vm = json_string_value(json_object_get(params, "vm"));
	m->host = json_string_value(json_object_get(params, "host"));
	if (m->vm == NULL || m->host == NULL)
		gw_rpc_error(call, INVALID_PARAMS, NULL, "vm and host are needed");
	else if (!gw_name_valid(m->vm))
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "no VM has this name");
	else if (optional_bool(params, "verify", &m->verify) != 0)
		gw_rpc_error(call, INVALID_PARAMS, NULL, "verify: true or false");
	else if (optional_bool(params, "populate_first", &m->populate_first) != 0)
		gw_rpc_error(call, INVALID_PARAMS, NULL, "populate_first: true or false");
	else if (optional_word(params, "after", "quit", "leave", &m->quit_after) != 0)
		gw_rpc_error(call, INVALID_PARAMS, NULL, "after: quit or leave");
	else if (optional_word(params, "on_limit", "switchover", "abort", &m->switch_on_limit) != 0)
		gw_rpc_error(call, INVALID_PARAMS, NULL, "on_limit: abort or switchover");
	else if (optional_u32(params, "blackout_limit_ms", 1, MAX_BLACKOUT_MS,
			 &m->blackout_limit_ms) != 0)
		gw_rpc_error(
			call, INVALID_PARAMS, NULL, "blackout_limit_ms: 1..%u", MAX_BLACKOUT_MS);
	else if (gw_announce_from_json(json_object_get(params, "announce"), &m->announce) != 0)
		gw_rpc_error(call, INVALID_PARAMS, NULL,
			"announce: a list of up to %u of MAC[,ADDRESS...], each of one station, up "
			"to "
			"%u IPv4 and %u IPv6 addresses",
			GW_ANNOUNCE_NICS, GW_ANNOUNCE_IPS, GW_ANNOUNCE_IPS);
	else if (optional_u32(params, "max_total_s", 0, UINT32_MAX, &m->max_total_s) != 0)
		gw_rpc_error(call, INVALID_PARAMS, NULL,
			"max_total_s: a number of seconds, 0: no limit");
	else if (optional_u32(params, "max_slowdown_percent", 0, MAX_SLOWDOWN_PERCENT,
			 &m->max_slowdown_percent) != 0)
		gw_rpc_error(call, INVALID_PARAMS, NULL, "max_slowdown_percent: 0..%u",
			MAX_SLOWDOWN_PERCENT);
	else if (optional_on_spent(params, &m->on_spent) != 0)
		gw_rpc_error(
			call, INVALID_PARAMS, NULL, "on_slowdown_limit: abort, wait or switchover");
	else
		return tuning(gw_manager_config(manager), call, params, &m->tuning);
	return false;
}
