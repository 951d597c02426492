/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands that ask once and print. */
#include "ctl.h"
#include "text.h"

#include <string.h>

int ctl_check(const struct ctl *ctl, int argc, char **argv)
{
	json_t *result = NULL;
	bool ok;
	int rc;

	if (!ctl_operands(argc, argv, 2, 2, "VM HOST"))
		return CTL_USAGE;
	rc = ctl_call(
		ctl, "check", json_pack("{s:s, s:s}", "vm", argv[1], "host", argv[2]), &result);
	if (rc != CTL_OK)
		return rc;
	ok = json_is_true(json_object_get(result, "ok"));
	if (ctl->json) {
		ctl_print_json(result);
	} else if (ok) {
		printf("%s can move to %s.\n", argv[1], argv[2]);
	} else {
		printf("%s cannot move to %s:\n", argv[1], argv[2]);
		ctl_print_reasons(stdout, json_object_get(result, "reasons"));
	}
	json_decref(result);
	return ok ? CTL_OK : CTL_REFUSED;
}

static void show_ports(const json_t *ports)
{
	json_t *port;
	size_t i;

	json_array_foreach(ports, i, port) printf("%-19s %s\n", i == 0 ? "ports" : "",
		text_format("%-12s %s%s", text_of(port, "name").s,
			text_rate(text_number(port, "bps", 0)).s,
			json_is_false(json_object_get(port, "up")) ? ", DOWN" : "")
			.s);
}

int ctl_show(const struct ctl *ctl, int argc, char **argv)
{
	json_t *s = NULL;
	const char *error;
	int rc;

	if (!ctl_operands(argc, argv, 1, 1, "VM or ID"))
		return CTL_USAGE;
	rc = ctl_call_session(ctl, "show", argv[1], NULL, &s);
	if (rc != CTL_OK)
		return rc;
	if (ctl->json) {
		ctl_print_json(s);
		json_decref(s);
		return CTL_OK;
	}
	printf("session             %s\n", text_of(s, "id").s);
	printf("vm                  %s\n", text_of(s, "vm").s);
	printf("role, peer          %s, %s\n", text_of(s, "role").s, text_of(s, "peer").s);
	printf("phase, epoch        %s, %s\n", text_of(s, "phase").s, text_of(s, "epoch").s);
	printf("result              %s\n", text_of(s, "result").s);
	error = json_string_value(json_object_get(s, "error"));
	if (error != NULL) {
		printf("error               ");
		text_wrap(stdout, error, 20, 20, 80);
	}
	printf("elapsed             %s\n", text_ms(text_number(s, "elapsed_ms", -1)).s);
	printf("remaining           %s of %s\n", text_bytes(text_number(s, "remaining_bytes", 0)).s,
		text_bytes(text_number(s, "total_bytes", 0)).s);
	printf("dirty rate          %s\n", text_rate(text_number(s, "dirty_rate_bps", 0)).s);
	printf("wire rate           %s\n", text_rate(text_number(s, "wire_rate_bps", 0)).s);
	show_ports(json_object_get(s, "ports"));
	if (text_number(s, "ports_down_ms", -1) >= 0)
		printf("no port left since  %s\n", text_ms(text_number(s, "ports_down_ms", -1)).s);
	if (json_object_get(s, "weight") != NULL)
		printf("class, weight, cap  %s, %s, %s\n", text_of(s, "class").s,
			text_of(s, "weight").s,
			text_number(s, "rate_bps", 0) == 0
				? "none"
				: text_rate(text_number(s, "rate_bps", 0)).s);
	if (json_object_get(s, "blackout_limit_ms") != NULL)
		printf("blackout limit      %s\n",
			text_ms(text_number(s, "blackout_limit_ms", -1)).s);
	printf("predicted blackout  %s\n", text_ms(text_number(s, "predicted_blackout_ms", -1)).s);
	printf("blackout            %s\n", text_ms(text_number(s, "blackout_ms", -1)).s);
	printf("time left           %s\n", text_ms(text_number(s, "eta_ms", -1)).s);
	if (strcmp(text_of(s, "security").s, "off") == 0)
		printf("security            OFF: nothing is encrypted\n");
	printf("verify, integrity   %s, %s\n", text_of(s, "verify").s, text_of(s, "integrity").s);
	json_decref(s);
	return CTL_OK;
}

int ctl_abort(const struct ctl *ctl, int argc, char **argv)
{
	json_t *result = NULL, *params = json_object();
	int rc;

	if (!ctl_operands(argc, argv, 1, 2, "VM or ID, and a reason")) {
		json_decref(params);
		return CTL_USAGE;
	}
	if (argc == 3)
		json_object_set_new(params, "reason", json_string(argv[2]));
	rc = ctl_call_session(ctl, "abort", argv[1], params, &result);
	if (rc != CTL_OK)
		return rc;
	if (ctl->json)
		ctl_print_json(result);
	else
		printf("session %s is aborting; 'godwitctl show %s' tells when it has ended\n",
			text_of(result, "id").s, text_of(result, "id").s);
	json_decref(result);
	return CTL_OK;
}

int ctl_version(const struct ctl *ctl, int argc, char **argv)
{
	json_t *result = NULL;
	int rc;

	if (!ctl_operands(argc, argv, 0, 0, "no operands"))
		return CTL_USAGE;
	if (!ctl->json)
		printf("godwitctl  %s\n", GODWIT_VERSION);
	rc = ctl_call(ctl, "version", NULL, &result);
	if (rc != CTL_OK)
		return rc;
	if (ctl->json) {
		json_object_set_new(result, "godwitctl", json_string(GODWIT_VERSION));
		ctl_print_json(result);
	} else {
		printf("godwitd    %s on %s, %s, wire ABI %s\n", text_of(result, "version").s,
			text_of(result, "name").s, text_of(result, "dpdk").s,
			text_of(result, "abi").s);
	}
	json_decref(result);
	return CTL_OK;
}
