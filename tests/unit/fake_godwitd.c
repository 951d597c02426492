/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_godwitd.h"

#include "../../dataplane/base/clock.h"

#include <stdio.h>
#include <string.h>

#define ABORT_MS 1000

struct session {
	char vm[64];
	double begun_ms, aborted_ms, length_ms;
};

int fake_ports = 2;
const char *fake_port_address = "10.0.1.1/24";
static struct session sessions[64];
static int n_sessions;

static double now_ms(void)
{
	return (double)gw_now_ns() / GW_NS_PER_MS;
}

static const char *result(const struct session *s)
{
	double t = now_ms();

	if (s->aborted_ms > 0)
		return t - s->aborted_ms > ABORT_MS ? "aborted" : NULL;
	if (t - s->begun_ms < s->length_ms)
		return NULL;
	return strcmp(s->vm, "fails") == 0 ? "failed" : "completed";
}

static const char *phase(const struct session *s)
{
	double t = now_ms() - s->begun_ms;

	if (s->aborted_ms > 0)
		return "abort";
	if (t < 100)
		return "prepare";
	if (t < 150)
		return "trace";
	if (t < s->length_ms - 50)
		return "precopy";
	return t < s->length_ms ? "switchover" : "done";
}

static json_t *port_rates(double bps)
{
	json_t *list = json_array();
	char name[32];

	for (int i = 0; i < fake_ports; i++) {
		snprintf(name, sizeof(name), i == 0 ? "left" : i == 1 ? "right" : "port%d", i);
		json_array_append_new(
			list, json_pack("{s:s, s:f}", "name", name, "bps", bps * (1 + 0.01 * i)));
	}
	return list;
}

static json_t *status(const struct session *s)
{
	const char *end = result(s);
	double t = now_ms() - s->begun_ms, rest = s->length_ms - t;
	json_t *j = json_pack(
		"{s:I, s:s, s:s, s:s, s:s, s:s?, s:s?, s:i, s:f, s:f, s:f, s:f, s:f, s:o}", "id",
		(json_int_t)(s - sessions) + 1, "vm",
		strcmp(s->vm, "odd") == 0 ? "o\033[31mdd" : s->vm, "role", "source", "peer",
		"host-b", "phase", phase(s), "result", end, "error",
		end == NULL || strcmp(end, "completed") == 0 ? NULL
		: s->aborted_ms > 0                          ? "interrupted"
				    : "the peer's disk is full, so that nothing "
				      "of the guest's state could be kept there",
		"epoch", (int)(t / 250), "elapsed_ms", t, "remaining_bytes",
		rest > 0 ? rest * 1.2e6 : 0.0, "total_bytes", 4.0 * (1 << 30), "dirty_rate_bps",
		2.53e9, "wire_rate_bps", 19.2e9, "ports", port_rates(9.61e9));

	json_object_set_new(j, "predicted_blackout_ms", t < 150 ? json_null() : json_real(42.4));
	json_object_set_new(j, "blackout_ms", end == NULL ? json_null() : json_real(41.3));
	json_object_set_new(j, "eta_ms", end == NULL && t > 150 ? json_real(rest) : json_null());
	json_object_set_new(j, "verify", json_true());
	json_object_set_new(j, "integrity", json_string("crc32c"));
	json_object_set_new(j, "security", json_string(strcmp(s->vm, "odd") == 0 ? "off" : "on"));
	return j;
}

static struct session *find(const json_t *params)
{
	const char *vm = json_string_value(json_object_get(params, "vm"));
	json_t *id = json_object_get(params, "id");

	if (json_is_integer(id) && json_integer_value(id) >= 1 &&
		json_integer_value(id) <= n_sessions)
		return &sessions[json_integer_value(id) - 1];
	for (int i = n_sessions; vm != NULL && i-- > 0;)
		if (strcmp(sessions[i].vm, vm) == 0)
			return &sessions[i];
	return NULL;
}

static json_t *reasons(void)
{
	return json_pack("[{s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:s}]", "where", "source", "code",
		"cache-direct", "message",
		"disk 'vda' has cache.direct=on: a read in flight may write guest memory after it "
		"was read",
		"remedy",
		"start the guest with cache.direct=off, or wait for a release with page digests",
		"where", "destination", "code", "memory", "message", "4 GiB of memory are missing",
		"remedy", "free memory on host-b");
}

static void on_migrate(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	const char *vm = json_string_value(json_object_get(params, "vm"));
	struct session *s = &sessions[n_sessions];

	(void)ctx;
	if (strcmp(vm, "bad") == 0) {
		gw_rpc_error(call, GW_RPC_REFUSED, json_pack("{s:o}", "reasons", reasons()),
			"bad cannot move");
	} else if (strcmp(vm, "busy") == 0) {
		gw_rpc_error(call, GW_RPC_CONFLICT, NULL, "session 1 moves busy already");
	} else if (strcmp(vm, "far") == 0) {
		gw_rpc_error(call, GW_RPC_UNREACHABLE, NULL, "host-c does not answer");
	} else if (strstr("web slow fails odd", vm) == NULL || n_sessions == 64) {
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "no VM '%s'", vm);
	} else {
		*s = (struct session){
			.begun_ms = now_ms(), .length_ms = strcmp(vm, "slow") == 0 ? 1e7 : 900};
		snprintf(s->vm, sizeof(s->vm), "%s", vm);
		gw_rpc_reply(call, json_pack("{s:i}", "id", ++n_sessions));
	}
}

static void on_check(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	bool bad = strcmp(json_string_value(json_object_get(params, "vm")), "bad") == 0;

	(void)ctx;
	gw_rpc_reply(call,
		json_pack("{s:b, s:o}", "ok", !bad, "reasons", bad ? reasons() : json_array()));
}

static void on_dirty_rate(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	const char *vm = json_string_value(json_object_get(params, "vm"));
	bool slow = strcmp(vm, "busy") == 0;

	(void)ctx;
	if (strcmp(vm, "bad") == 0) {
		gw_rpc_error(call, GW_RPC_REFUSED, json_pack("{s:o}", "reasons", reasons()),
			"its writes cannot be tracked");
		return;
	}
	gw_rpc_reply(call,
		json_pack(
			"{s:s, s:b, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:i, s:f, s:s, s:{s:b, s:i, "
			"s:i, s:f, s:f, s:i}}",
			"vm", vm, "complete", 1, "asked_ms", 5000.0, "measured_ms", 5012.0,
			"dirty_pages_per_s", 250000.0, "dirty_rate_bps", 8.192e9, "peak_rate_bps",
			9e9, "working_set_pages", 65536, "working_set_bytes", 65536 * 4096,
			"memory_bytes", 1 << 30, "wire_rate_bps", 9.8e9, "wire_rate_from", "ports",
			"forecast", "converges", !slow, "slowdown_percent",
			strcmp(vm, "hot") == 0 ? 40 : 0, "epochs", 4, "total_ms", 1234.0,
			"blackout_ms", 21.4, "blackout_limit_ms", 30));
}

static void on_list(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	json_t *list = json_array();

	(void)ctx;
	(void)params;
	for (int i = 0; i < n_sessions; i++)
		json_array_append_new(list, status(&sessions[i]));
	gw_rpc_reply(call, json_pack("{s:o}", "sessions", list));
}

static void on_show(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct session *s = find(params);

	(void)ctx;
	if (s == NULL)
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "no such session");
	else
		gw_rpc_reply(call, status(s));
}

static void on_abort(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct session *s = find(params);

	(void)ctx;
	if (s == NULL) {
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "no such session");
	} else if (result(s) != NULL) {
		gw_rpc_error(call, GW_RPC_STATE, NULL, "the session has ended");
	} else {
		s->aborted_ms = now_ms();
		gw_rpc_reply(call, json_pack("{s:i}", "id", (int)(s - sessions) + 1));
	}
}

/* Answers with what it was told. */
static void on_set(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	const char *weight = json_string_value(json_object_get(params, "weight"));
	const char *port = json_string_value(json_object_get(params, "port"));

	(void)ctx;
	if (port != NULL && strcmp(port, "left") != 0)
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "no port '%s'; there are: left", port);
	else if (port != NULL)
		gw_rpc_reply(call, json_pack("{s:s, s:I, s:b}", "name", "left", "rate_bps",
					   (json_int_t)5000000000, "stopped",
					   json_object_get(params, "state") != NULL ? 1 : 0));
	else if (find(params) == NULL)
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "no such session");
	else if (weight != NULL && strcmp(weight, "0") == 0)
		gw_rpc_error(call, -32602, NULL, "weight: '0' is not valid; allowed: 1..1000");
	else
		gw_rpc_reply(call, json_pack("{s:s, s:s, s:s, s:I, s:i}", "vm", find(params)->vm,
					   "class", "bulk", "weight", weight != NULL ? weight : "1",
					   "rate_bps", (json_int_t)0, "blackout_limit_ms", 20));
}

static json_t *certificates(void)
{
	return json_pack("{s:s, s:s, s:[{s:s, s:s, s:s, s:i}, {s:s, s:s, s:s, s:i}, "
			 "{s:s, s:s, s:s, s:i}]}",
		"security", "on", "certificate_names", "host-a, 192.0.2.1", "certificates", "key",
		"tls.certificate", "file", "/etc/godwit/pki/host.pem", "ends", "2026-12-01",
		"days_left", 29, "key", "tls.ca", "file", "/etc/godwit/pki/ca.pem", "ends",
		"2026-12-03", "days_left", 31, "key", "tls.crl", "file", "/etc/godwit/pki/crl.pem",
		"ends", "2026-10-30", "days_left", -3);
}

static void on_peers(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	(void)ctx;
	(void)params;
	json_t *o = json_pack("{s:[{s:s, s:s, s:b, s:i, s:s, s:i, s:i, s:i}, {s:s, s:s, s:b, s:s}, "
			      "{s:s, s:s, s:b, s:i}]}",
		"peers", "name", "host-b", "address", "192.0.2.2:7411", "connected", 1, "rtt_us",
		183, "version", "0.1.0", "paths", 4, "paths_up", 3, "certificate_days_left", 29,
		"name", "host-c", "address", "192.0.2.3:7411", "connected", 0, "error",
		"connection refused", "name", "host-d", "address", "192.0.2.4:7411", "connected", 1,
		"certificate_days_left", 31);

	json_object_update_new(o, certificates());
	gw_rpc_reply(call, o);
}

static void on_reload(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	(void)ctx;
	(void)params;
	gw_rpc_reply(call, certificates());
}

static void on_ports(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	json_t *answer, *ports, *second;

	(void)ctx;
	(void)params;
	answer = json_pack("{s:[{s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:I, s:i, s:I, s:I, s:I, "
			   "s:I}], s:{s:i}}",
		"ports", "name", "left", "device", "0000:3b:00.0", "driver", "net_mlx5", "mac",
		"02:00:00:00:00:01", "address", "10.0.0.1/24", "mtu", 9000, "link_up", 1,
		"rate_bps", (json_int_t)100000000000, "queues", 2, "rx_packets",
		(json_int_t)1234567, "rx_bytes", (json_int_t)987654321, "tx_packets",
		(json_int_t)7654321, "tx_bytes", (json_int_t)61234567890, "drops", "rx_bad_key", 3);
	ports = json_object_get(answer, "ports");
	second = json_deep_copy(json_array_get(ports, 0));
	json_object_set_new(second, "name", json_string("right"));
	json_object_set_new(second, "address", json_string(fake_port_address));
	json_array_append_new(ports, second);
	gw_rpc_reply(call, answer);
}

static json_t *timeline(void)
{
	json_t *list = json_array();

	for (int t = 0; t < 900; t += 10)
		json_array_append_new(
			list, json_pack("{s:i, s:s, s:i, s:[f, f], s:i, s:f}", "t_ms", t, "phase",
				      "precopy", "epoch", 0, "ports_bps", 9.6e9, 9.5e9,
				      "dirty_pages", t, "remaining_bytes", (900.0 - t) * 1e6));
	return list;
}

static void on_report(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	struct session *s = find(params);
	json_t *report;

	(void)ctx;
	if (s == NULL || result(s) == NULL) {
		gw_rpc_error(call, GW_RPC_NOT_FOUND, NULL, "no report yet");
		return;
	}
	report = status(s);
	json_object_update_new(
		report, json_pack("{s:s, s:f, s:{s:f, s:f, s:n}, s:i, s:{s:b, s:i, s:i}}",
				"started", "2026-01-01T00:00:00Z", "total_ms", 900.0, "blackout_ms",
				"predicted", 42.4, "source", 41.3, "guest", "state_bytes", 923000,
				"verify", "enabled", 1, "pages", 1048576, "mismatched", 0));
	json_object_update_new(report,
		json_pack("{s:[{s:s, s:i, s:i}, {s:s, s:i, s:i}], s:o}", "phases", "name",
			"precopy", "start_ms", 150, "duration_ms", 700, "name", "switchover",
			"start_ms", 850, "duration_ms", 50, "timeline", timeline()));
	json_object_update_new(
		report, json_pack("{s:[{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I}]}",
				"epochs", "epoch", 0, "label", 1, "start_ms", 150, "duration_ms",
				700, "pages", 262144, "zero_pages", 1000, "hole_pages", 500,
				"resent_pages", 3, "dirty_pages", 9000, "wire_bytes",
				(json_int_t)1100000000, "bps", (json_int_t)12000000000));
	gw_rpc_reply(call, report);
}

static void on_version(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	(void)ctx;
	(void)params;
	gw_rpc_reply(call, json_pack("{s:s, s:s, s:s, s:i}", "version", "0.1.0", "name", "host-a",
				   "dpdk", "DPDK 22.11.11", "abi", 1));
}

const struct gw_rpc_method fake_methods[] = {{"migrate", on_migrate, false},
	{"dirty_rate", on_dirty_rate, false}, {"check", on_check, true}, {"list", on_list, true},
	{"show", on_show, true}, {"abort", on_abort, false}, {"peers", on_peers, true},
	{"ports", on_ports, true}, {"report", on_report, true}, {"set", on_set, false},
	{"reload", on_reload, false}, {"version", on_version, true}, {NULL, NULL, false}};
