/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands that print a table: sessions, peers, ports. */
#include "ctl.h"
#include "text.h"

#include <string.h>

#define ADDRESS_COLUMNS 18 /* any IPv4 address with its prefix length */

static void add_row(struct table *table, const char *const *cells)
{
	struct text *row = table_row(table);

	for (int i = 0; row != NULL && i < table->n_columns; i++)
		row[i] = text_format("%s", cells[i]);
}

/* What a method without parameters answers; NULL where there is nothing to lay out: it failed, or
 * was printed as JSON. The exit code. */
static int ask(const struct ctl *ctl, int argc, char **argv, const char *method, json_t **result)
{
	int rc;

	*result = NULL;
	if (!ctl_operands(argc, argv, 0, 0, "no operands"))
		return CTL_USAGE;
	rc = ctl_call(ctl, method, NULL, result);
	if (rc != CTL_OK || !ctl->json)
		return rc;
	ctl_print_json(*result);
	json_decref(*result);
	*result = NULL;
	return CTL_OK;
}

int ctl_list(const struct ctl *ctl, int argc, char **argv)
{
	static const char *const head[] = {
		"ID", "VM", "ROLE", "PEER", "PHASE", "LEFT", "TIME", "BLACKOUT"};
	struct table table = {.n_columns = 8, .align = "llllllrr"};
	json_t *result = NULL, *s;
	size_t i;
	int rc;

	rc = ask(ctl, argc, argv, "list", &result);
	if (result == NULL)
		return rc;
	if (json_array_size(json_object_get(result, "sessions")) == 0) {
		printf("no sessions\n");
	} else {
		add_row(&table, head);
		json_array_foreach(json_object_get(result, "sessions"), i, s)
		{
			struct text *row = table_row(&table);
			struct text ended = text_of(s, "result");

			if (row == NULL)
				break;
			row[0] = text_of(s, "id");
			row[1] = text_of(s, "vm");
			row[2] = text_of(s, "role");
			row[3] = text_of(s, "peer");
			row[4] = strcmp(ended.s, "-") == 0 ? text_of(s, "phase") : ended;
			row[5] = strcmp(ended.s, "-") == 0
					 ? text_bytes(text_number(s, "remaining_bytes", 0))
					 : text_format("-");
			row[6] = text_ms(text_number(s, "elapsed_ms", -1));
			row[7] = text_ms(text_number(s, "blackout_ms", -1));
		}
		table_print(&table, stdout);
		json_array_foreach(json_object_get(result, "sessions"), i, s)
		{
			struct text clear = ctl_in_the_clear(s);

			if (clear.s[0] != '\0')
				printf("%s%s\n", text_of(s, "id").s, clear.s);
		}
	}
	json_decref(result);
	return CTL_OK;
}

int ctl_peers(const struct ctl *ctl, int argc, char **argv)
{
	static const char *const head[] = {
		"NAME", "ADDRESS", "STATE", "RTT", "PATHS", "VERSION", "CERTIFICATE"};
	struct table table = {.n_columns = 7, .align = "lllrlll"};
	json_t *result = NULL, *p;
	size_t i;
	int rc;

	rc = ask(ctl, argc, argv, "peers", &result);
	if (result == NULL)
		return rc;
	add_row(&table, head);
	json_array_foreach(json_object_get(result, "peers"), i, p)
	{
		struct text *row = table_row(&table);
		bool connected = json_is_true(json_object_get(p, "connected"));

		if (row == NULL)
			break;
		row[0] = text_of(p, "name");
		row[1] = text_of(p, "address");
		row[2] = text_format("%s", connected ? "connected" : "down");
		row[3] = connected ? text_format("%.0f us", text_number(p, "rtt_us", 0))
				   : text_format("-");
		row[4] = text_format("%s of %s", text_of(p, "paths_up").s, text_of(p, "paths").s);
		row[5] = text_of(p, "version");
		row[6] = json_object_get(p, "certificate_days_left") != NULL
				 ? text_format(
					   "%.0f days", text_number(p, "certificate_days_left", 0))
				 : text_format("-");
	}
	table_print(&table, stdout);
	ctl_print_security(result);
	json_array_foreach(json_object_get(result, "peers"), i, p) ctl_print_peer_end(p);
	json_array_foreach(json_object_get(result, "peers"), i,
		p) if (json_is_string(json_object_get(p, "error")))
	{
		int column = printf("%s: ", text_of(p, "name").s);

		text_wrap(stdout, json_string_value(json_object_get(p, "error")), column, 2, 80);
	}
	json_array_foreach(json_object_get(result, "peers"), i, p)
	{
		json_t *finding;
		size_t k;

		json_array_foreach(json_object_get(p, "findings"), k, finding)
		{
			int column = printf("%s: ", text_of(p, "name").s);

			text_wrap(stdout, json_string_value(finding), column, 2, 80);
		}
	}
	json_decref(result);
	return CTL_OK;
}

/* A long IPv6 address is shown below the table, with all others. */
static struct text fits(struct text address, bool *below)
{
	if (strlen(address.s) <= ADDRESS_COLUMNS)
		return address;
	*below = true;
	return text_format("below");
}

/* Of all ports: workers count, and each serves several. */
static void print_drops(const json_t *drops)
{
	const char *name;
	json_t *n;

	if (json_object_size(drops) > 0)
		printf("\ndropped, all ports together\n");
	json_object_foreach((json_t *)(uintptr_t)drops, name, n)
		printf("  %s: %s\n", text_format("%s", name).s, text_count(json_number_value(n)).s);
}

int ctl_ports(const struct ctl *ctl, int argc, char **argv)
{
	static const char *const head[] = {
		"NAME", "LINK", "RATE", "ADDRESS", "MTU", "DRIVER", "RX", "TX"};
	struct table table = {.n_columns = 8, .align = "llrlrlrr"};
	json_t *result = NULL, *p;
	bool below = false;
	size_t i;
	int rc;

	rc = ask(ctl, argc, argv, "ports", &result);
	if (result == NULL)
		return rc;
	add_row(&table, head);
	json_array_foreach(json_object_get(result, "ports"), i, p)
	{
		struct text *row = table_row(&table);

		if (row == NULL)
			break;
		row[0] = text_of(p, "name");
		row[1] = text_format("%s", json_is_true(json_object_get(p, "stopped"))   ? "stopped"
					   : json_is_true(json_object_get(p, "link_up")) ? "up"
											 : "DOWN");
		row[2] = text_rate(text_number(p, "rate_bps", 0));
		row[3] = fits(text_of(p, "address"), &below);
		row[4] = text_of(p, "mtu");
		row[5] = text_of(p, "driver");
		row[6] = text_bytes(text_number(p, "rx_bytes", 0));
		row[7] = text_bytes(text_number(p, "tx_bytes", 0));
	}
	table_print(&table, stdout);
	json_array_foreach(json_object_get(result, "ports"), i, p)
	{
		printf("\n%s: %s, %s, %s queues%s\n", text_of(p, "name").s, text_of(p, "mac").s,
			text_of(p, "device").s, text_of(p, "queues").s,
			json_is_true(json_object_get(p, "standby")) ? ", standby" : "");
		if (below)
			printf("  address %s\n", text_of(p, "address").s);
		printf("  received %s packets, sent %s packets\n",
			text_count(text_number(p, "rx_packets", 0)).s,
			text_count(text_number(p, "tx_packets", 0)).s);
	}
	print_drops(json_object_get(result, "drops"));
	json_decref(result);
	return CTL_OK;
}
