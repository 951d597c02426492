/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection to godwitd. What it answers is not trusted. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct ctl_client;

struct ctl_error {
	int code; /* of JSON-RPC or enum gw_rpc_code; 0: the connection itself failed */
	char text[512];
	json_t *data; /* owned; NULL: none */
};

/* 0, or -errno with error. */
int ctl_client_create(const char *path, struct ctl_client **out, struct ctl_error *error);
void ctl_client_free(struct ctl_client **client);

/* Steals params. 0 with *result, or -1 with error. A signal does not end it, but on_signal(ctx),
 * where given, is called after each. */
int ctl_client_call(struct ctl_client *client, const char *method, json_t *params,
	void (*on_signal)(void *ctx), void *ctx, json_t **result, struct ctl_error *error);

void ctl_error_clear(struct ctl_error *error);
