/* SPDX-License-Identifier: BSD-3-Clause */
/* A command's calls: one connection, one answer, and what to say when there is none. */
#include "ctl.h"
#include "text.h"

#include "../rpc.h"

#include <string.h>

#define WIDTH 80

void ctl_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
	putchar('\n');
	fflush(stdout);
}

void ctl_print_reasons(FILE *f, const json_t *reasons)
{
	json_t *reason;
	size_t i;

	json_array_foreach(reasons, i, reason)
	{
		const char *remedy = json_string_value(json_object_get(reason, "remedy"));
		const char *message = json_string_value(json_object_get(reason, "message"));
		struct text where = text_of(reason, "where"), code = text_of(reason, "code");
		int column;

		if (json_is_string(reason))
			message = json_string_value(reason);
		column = fprintf(f, "  %zu. ", i + 1);
		if (json_is_object(reason))
			column += fprintf(f, "%s, %s: ", where.s, code.s);
		text_wrap(f, message == NULL ? "-" : message, column, 5, WIDTH);
		if (remedy != NULL && *remedy != '\0') {
			column = fprintf(f, "     Remedy: ");
			text_wrap(f, remedy, column, 5, WIDTH);
		}
	}
}

static int exit_code(int code)
{
	switch (code) {
	case 0:
		return CTL_NO_DAEMON;
	case GW_RPC_NOT_FOUND:
		return CTL_NOT_FOUND;
	case GW_RPC_REFUSED:
		return CTL_REFUSED;
	case GW_RPC_CONFLICT:
		return CTL_CONFLICT;
	case GW_RPC_UNREACHABLE:
		return CTL_UNREACHABLE;
	case GW_RPC_STATE:
		return CTL_STATE;
	case GW_RPC_DENIED:
		return CTL_DENIED;
	case -32602:
		return CTL_USAGE;
	default:
		return CTL_FAILED;
	}
}

int ctl_explain(const struct ctl *ctl, const struct ctl_error *error)
{
	json_t *out;

	if (ctl->json) {
		out = json_pack("{s:{s:i, s:s, s:O*}}", "error", "code", error->code, "message",
			error->text, "data", error->data);
		ctl_print_json(out);
		json_decref(out);
		return exit_code(error->code);
	}
	fprintf(stderr, "godwitctl: ");
	text_wrap(stderr, error->text, 11, 2, WIDTH);
	ctl_print_reasons(stderr, json_object_get(error->data, "reasons"));
	return exit_code(error->code);
}

int ctl_call(const struct ctl *ctl, const char *method, json_t *params, json_t **result)
{
	struct ctl_client *client = NULL;
	struct ctl_error error = {0};
	int rc;

	rc = ctl_client_create(ctl->socket, &client, &error);
	if (rc < 0)
		json_decref(params);
	else
		rc = ctl_client_call(client, method, params, NULL, NULL, result, &error);
	if (rc < 0)
		rc = ctl_explain(ctl, &error);
	ctl_error_clear(&error);
	ctl_client_free(&client);
	return rc;
}

/* The id of a listed session as godwitd spells it; NULL: none has it. */
static json_t *listed_id(struct ctl_client *client, const char *text)
{
	struct ctl_error error = {0};
	json_t *list = NULL, *session, *id = NULL;
	size_t i;

	if (ctl_client_call(client, "list", NULL, NULL, NULL, &list, &error) < 0) {
		ctl_error_clear(&error);
		return NULL;
	}
	json_array_foreach(json_object_get(list, "sessions"), i,
		session) if (strcmp(text_of(session, "id").s, text) == 0) id =
		json_incref(json_object_get(session, "id"));
	json_decref(list);
	return id;
}

int ctl_call_session(const struct ctl *ctl, const char *method, const char *vm_or_id,
	json_t *params, json_t **result)
{
	json_t *by_vm = params == NULL ? json_object() : params, *by_id = json_copy(by_vm), *id;
	struct ctl_client *client = NULL;
	struct ctl_error error = {0};
	int rc;

	json_object_set_new(by_vm, "vm", json_string(vm_or_id));
	rc = ctl_client_create(ctl->socket, &client, &error);
	if (rc < 0)
		json_decref(by_vm);
	else
		rc = ctl_client_call(client, method, by_vm, NULL, NULL, result, &error);
	if (rc < 0 && error.code == GW_RPC_NOT_FOUND) {
		id = listed_id(client, vm_or_id);
		json_object_set_new(by_id, "id", id != NULL ? id : json_string(vm_or_id));
		ctl_error_clear(&error);
		rc = ctl_client_call(
			client, method, json_incref(by_id), NULL, NULL, result, &error);
	}
	if (rc < 0)
		rc = ctl_explain(ctl, &error);
	ctl_error_clear(&error);
	ctl_client_free(&client);
	json_decref(by_id);
	return rc;
}
