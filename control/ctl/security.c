/* SPDX-License-Identifier: BSD-3-Clause */
/* Certificates, as `peers` and `reload` show them. */
#include "../expiry.h"
#include "ctl.h"
#include "text.h"

#include <string.h>

static void wrapped(const char *lead, const char *text)
{
	text_wrap(stdout, text, printf("%s: ", lead), 2, 80);
}

static void show_end(const json_t *certificate)
{
	double days = text_number(certificate, "days_left", 0);
	char text[512];

	if (days >= GW_EXPIRY_WARN_DAYS)
		return;
	snprintf(text, sizeof(text), "%s %s, %s%.0f days%s: put a new file there: %s",
		days < 0 ? "has ended on" : "ends on", text_of(certificate, "ends").s,
		days < 0 ? "" : "in ", days < 0 ? -days : days, days < 0 ? " ago" : "",
		json_string_value(json_object_get(certificate, "file")));
	wrapped(json_string_value(json_object_get(certificate, "key")), text);
}

void ctl_print_security(const json_t *result)
{
	const json_t *list = json_object_get(result, "certificates");
	const char *names = json_string_value(json_object_get(result, "certificate_names"));
	const json_t *certificate;
	size_t i;

	if (strcmp(text_of(result, "security").s, "off") == 0)
		wrapped("security", "OFF: nothing is encrypted, and whoever reaches this host can "
				    "take its guests");
	if (names != NULL)
		printf("this host's certificate: for %s, until %s\n", names,
			text_of(json_array_get(list, 0), "ends").s);
	json_array_foreach(list, i, certificate) show_end(certificate);
	if (json_is_string(json_object_get(result, "error")))
		wrapped("error", json_string_value(json_object_get(result, "error")));
}

struct text ctl_in_the_clear(const json_t *session)
{
	if (strcmp(text_of(session, "security").s, "off") != 0)
		return text_format("%s", "");
	return text_format(", NOT encrypted (%s)", text_of(session, "integrity").s);
}

void ctl_print_peer_end(const json_t *peer)
{
	double days = text_number(peer, "certificate_days_left", GW_EXPIRY_WARN_DAYS);
	char text[80];

	if (days >= GW_EXPIRY_WARN_DAYS)
		return;
	snprintf(text, sizeof(text), "its certificate ends in %.0f days", days);
	wrapped(text_of(peer, "name").s, text);
}

int ctl_reload(const struct ctl *ctl, int argc, char **argv)
{
	json_t *result = NULL;
	int rc;

	if (!ctl_operands(argc, argv, 0, 0, "no operands"))
		return CTL_USAGE;
	rc = ctl_call(ctl, "reload", NULL, &result);
	if (rc != CTL_OK)
		return rc;
	if (ctl->json)
		ctl_print_json(result);
	else
		ctl_print_security(result);
	json_decref(result);
	return CTL_OK;
}
