/* SPDX-License-Identifier: BSD-3-Clause */
/* The report command: what a finished migration did. */
#include "ctl.h"
#include "plot.h"
#include "text.h"

#include <getopt.h>
#include <string.h>

#define EPOCHS_SHOWN 24 /* of more, the first half and the last half */

static struct text cell_ms(const json_t *object, const char *key)
{
	return text_ms(text_number(object, key, -1));
}

static struct text cell_count(const json_t *object, const char *key)
{
	return text_count(text_number(object, key, 0));
}

static void print_phases(const json_t *phases)
{
	struct table table = {.n_columns = 3, .align = "lrr"};
	json_t *phase;
	size_t i;

	json_array_foreach(phases, i, phase)
	{
		struct text *row = table_row(&table);

		if (row == NULL)
			break;
		row[0] = text_format("  %s", text_of(phase, "name").s);
		row[1] = text_format("at %s", cell_ms(phase, "start_ms").s);
		row[2] = text_format("for %s", cell_ms(phase, "duration_ms").s);
	}
	printf("\nPhases\n");
	table_print(&table, stdout);
}

static void print_epochs(const json_t *epochs)
{
	static const char *const head[] = {
		"  EPOCH", "TIME", "PAGES", "ZERO", "HOLES", "RESENT", "DIRTIED", "SENT", "RATE"};
	struct table table = {.n_columns = 9, .align = "rrrrrrrrr"};
	struct text *row = table_row(&table);
	size_t n = json_array_size(epochs), i;
	json_t *epoch;

	for (i = 0; row != NULL && i < 9; i++)
		row[i] = text_format("%s", head[i]);
	json_array_foreach(epochs, i, epoch)
	{
		if (n > EPOCHS_SHOWN && i >= EPOCHS_SHOWN / 2 && i < n - EPOCHS_SHOWN / 2) {
			if (i == EPOCHS_SHOWN / 2 && (row = table_row(&table)) != NULL)
				row[0] = text_format("...");
			continue;
		}
		row = table_row(&table);
		if (row == NULL)
			break;
		row[0] = text_of(epoch, "epoch");
		row[1] = cell_ms(epoch, "duration_ms");
		row[2] = cell_count(epoch, "pages");
		row[3] = cell_count(epoch, "zero_pages");
		row[4] = cell_count(epoch, "hole_pages");
		row[5] = cell_count(epoch, "resent_pages");
		row[6] = cell_count(epoch, "dirty_pages");
		row[7] = text_bytes(text_number(epoch, "wire_bytes", 0));
		row[8] = text_rate(text_number(epoch, "bps", 0));
	}
	printf("\nEpochs\n");
	table_print(&table, stdout);
}

static void print_ports(const json_t *ports)
{
	static const char *const head[] = {
		"  PORT", "LINE RATE", "PAYLOAD", "USED", "PACKETS", "SENT", "LOST", "RESENT"};
	struct table table = {.n_columns = 8, .align = "lrrrrrrr"};
	struct text *row = table_row(&table);
	json_t *port;
	size_t i;

	for (i = 0; row != NULL && i < 8; i++)
		row[i] = text_format("%s", head[i]);
	json_array_foreach(ports, i, port)
	{
		double used = text_number(port, "payload_utilisation", -1);

		row = table_row(&table);
		if (row == NULL)
			break;
		row[0] = text_format("  %s", text_of(port, "name").s);
		row[1] = text_rate(text_number(port, "line_rate_bps", 0));
		row[2] = text_rate(text_number(port, "payload_bps", 0));
		row[3] = used < 0 ? text_format("-") : text_format("%.1f %%", used * 100);
		row[4] = cell_count(port, "tx_packets");
		row[5] = text_bytes(text_number(port, "tx_bytes", 0));
		row[6] = cell_count(port, "lost_packets");
		row[7] = cell_count(port, "resent_pages");
	}
	printf("\nPorts\n");
	table_print(&table, stdout);
}

static void print_report(const json_t *r)
{
	const json_t *blackout = json_object_get(r, "blackout_ms"),
		     *verify = json_object_get(r, "verify");
	const char *error = json_string_value(json_object_get(r, "error"));
	int column;

	column = printf("%s %s %s: %s", text_of(r, "vm").s,
		strcmp(text_of(r, "role").s, "destination") == 0 ? "from" : "to",
		text_of(r, "peer").s, text_of(r, "result").s);
	if (error != NULL) {
		column += printf(": ");
		text_wrap(stdout, error, column, 2, 80);
	} else {
		putchar('\n');
	}
	printf("  session    %s, begun %s\n", text_of(r, "id").s, text_of(r, "started").s);
	printf("  total      %s\n", cell_ms(r, "total_ms").s);
	printf("  blackout   %s at the source; predicted %s, seen by the guest %s\n",
		cell_ms(blackout, "source").s, cell_ms(blackout, "predicted").s,
		cell_ms(blackout, "guest").s);
	printf("  state      %s of device state\n", text_bytes(text_number(r, "state_bytes", 0)).s);
	printf("  packets    %s%s\n", text_of(r, "integrity").s,
		strcmp(text_of(r, "security").s, "off") == 0 ? ", NOT encrypted" : "");
	if (json_is_true(json_object_get(verify, "enabled")))
		printf("  verify     %s pages compared, %s differ\n", cell_count(verify, "pages").s,
			cell_count(verify, "mismatched").s);
	else
		printf("  verify     off\n");
	print_phases(json_object_get(r, "phases"));
	print_epochs(json_object_get(r, "epochs"));
	print_ports(json_object_get(r, "ports"));
}

static void print_plotted(const json_t *report, const char *plot)
{
	json_t *o = json_pack("{s:O?, s:s}", "id", json_object_get(report, "id"), "plot", plot);

	ctl_print_json(o);
	json_decref(o);
}

static int load(const struct ctl *ctl, const char *from, const char *vm_or_id, json_t **report)
{
	struct ctl_error error = {.code = -1};
	json_error_t why;

	if (from == NULL)
		return ctl_call_session(ctl, "report", vm_or_id, NULL, report);
	*report = json_load_file(from, 0, &why);
	if (json_is_object(*report))
		return CTL_OK;
	if (*report == NULL)
		snprintf(error.text, sizeof(error.text), "%.200s: line %d: %.160s", from, why.line,
			why.text);
	else
		snprintf(error.text, sizeof(error.text), "%.200s: not a report", from);
	json_decref(*report);
	return ctl_explain(ctl, &error);
}

int ctl_report(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"plot", required_argument, NULL, 'p'},
		{"from", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
	const char *plot = NULL, *from = NULL;
	struct ctl_error error = {.code = -1};
	json_t *report = NULL;
	int option, rc;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return CTL_USAGE;
		*(option == 'p' ? &plot : &from) = optarg;
	}
	if (argc - optind != (from == NULL ? 1 : 0))
		return ctl_usage("report takes VM or ID, or --from FILE");
	rc = load(ctl, from, argv[optind], &report);
	if (rc != CTL_OK)
		return rc;
	if (plot != NULL) {
		if (plot_draw(report, plot, error.text, sizeof(error.text)) < 0)
			rc = ctl_explain(ctl, &error);
		else if (ctl->json && strcmp(plot, "-") != 0)
			print_plotted(report, plot);
	} else if (ctl->json) {
		ctl_print_json(report);
	} else {
		print_report(report);
	}
	json_decref(report);
	return rc;
}
