/* SPDX-License-Identifier: BSD-3-Clause */
/* Pure: migration capabilities and parameters of QEMU, as QMP arguments. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* The id of the commands in gw_qemu_undo_text(). */
#define GW_QEMU_UNDO_ID 1000000000

/* now: of query-migrate-capabilities. New arguments of migrate-set-capabilities, or NULL: QEMU
 * lacks one that is needed. */
json_t *gw_qemu_capabilities(const json_t *now, bool destination);

/* New arguments of migrate-set-parameters. */
json_t *gw_qemu_parameters(bool destination);

/* What puts back, after both were set: {"capabilities": arguments, "parameters": arguments}.
 * parameters: of query-migrate-parameters. */
json_t *gw_qemu_undo(
	const json_t *now, const json_t *wanted, const json_t *parameters, bool destination);

/* The same as lines of QMP (malloc'ed), and how many answers they will have. */
char *gw_qemu_undo_text(const json_t *undo, unsigned int *answers);
