/* SPDX-License-Identifier: BSD-3-Clause */
/* control/rpc*.c: any bytes from a client. The first byte says how the rest is cut into pieces. */
#include "../../control/rpc_client.c"

#include "../../control/rpc.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gw_rpc_call *held;

static void answer(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	(void)ctx;
	gw_rpc_reply(call, json_deep_copy(params));
}

static void fail(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	const char *text = json_string_value(json_object_get(params, "t"));

	(void)ctx;
	gw_rpc_error(call, GW_RPC_STATE, NULL, "%s", text == NULL ? "none" : text);
}

/* Each answers the one before it, whose client may be gone. */
static void later(void *ctx, const json_t *params, struct gw_rpc_call *call)
{
	(void)ctx;
	(void)params;
	if (held != NULL)
		gw_rpc_reply(held, json_true());
	held = call;
}

static const struct gw_rpc_method fuzz_methods[] = {
	{"a", answer, true}, {"f", fail, true}, {"l", later, true}, {NULL, NULL, false}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gw_rpc fuzzed = {.methods = fuzz_methods};
	size_t step = size == 0 ? 1 : 1 + (size_t)data[0] * 16, n;
	int sv[2];

	if (fuzzed.loop == NULL && gw_loop_create(&fuzzed.loop) != 0)
		abort();
	gw_log_set_level((enum gw_log_level)0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) != 0)
		abort();
	if (gw_rpc_client_create(&fuzzed, sv[0], GW_RPC_ALL) != 0)
		abort();
	for (size_t at = 1; at < size && fuzzed.n_clients > 0; at += n) {
		n = size - at < step ? size - at : step;
		if (send(sv[1], data + at, n, MSG_NOSIGNAL) < 0)
			break;
		on_event(fuzzed.clients, EPOLLIN | EPOLLOUT);
	}
	close(sv[1]);
	for (int i = 0; i < 1000 && fuzzed.n_clients > 0; i++)
		on_event(fuzzed.clients, EPOLLIN | EPOLLHUP);
	if (fuzzed.n_clients > 0)
		abort();
	return 0;
}
