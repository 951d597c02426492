/* SPDX-License-Identifier: BSD-3-Clause */
/* Values as they stand in the file: pure parsers, 0 or -EINVAL. */
#pragma once

#include "../dataplane/base/ip.h"

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

struct gw_option;

/* Whether an address is private (private.h); a name may stand for any. */
enum gw_endpoint { GW_ENDPOINT_PRIVATE, GW_ENDPOINT_PUBLIC, GW_ENDPOINT_NAME };

/* Decimal digits only: no sign, no octal or hexadecimal. */
int gw_value_uint(const char *text, uint64_t *out);
/* "true" or "false". */
int gw_value_bool(const char *text, bool *out);
/* Bits per second: "10G", "2.5G", "2500M", "64K", "1T" (powers of 1000), or plain. */
int gw_value_rate(const char *text, uint64_t *out_bps);
/* "10.0.0.1/24", "fd00::1/64": a host's address. */
int gw_value_address(const char *text, struct gw_ip *out_ip, uint32_t *out_prefix);
int gw_value_ip(const char *text, struct gw_ip *out);
/* "host:port", "192.0.2.1:7411" or "[2001:db8::1]:7411". */
int gw_value_endpoint(const char *text, enum gw_endpoint *out);
/* Of VMs' names: what a name may have, and "*", "?", "[...]". */
int gw_value_pattern(const char *text);
/* A PCI address or a virtual device; id gets what names it, in one spelling. */
int gw_value_device(const char *text, char *id, size_t size);

/* Letters, digits, '.', '_' and '-'. */
int gw_value_name(const char *text);
/* A uid, a gid: "none" is UINT32_MAX. A name is looked up in this host's databases. */
int gw_value_user(const char *text, uint32_t *out);
int gw_value_group(const char *text, uint32_t *out);
/* "0660", "1770"; "none" is UINT32_MAX. */
int gw_value_mode(const char *text, uint32_t *out);

/* One scalar against its option: type, range, choices. */
int gw_value_check(const struct gw_option *option, const char *text);
