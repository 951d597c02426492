/* SPDX-License-Identifier: BSD-3-Clause */
/* The data plane's description of a host and of paths, as JSON in control messages. Pure. What is
 * read is checked for type, range and count; whether it makes sense is for the data plane to say.
 */
#pragma once

#include "../dataplane/dataplane.h"

#include <jansson.h>

/* {"integrity","cores","ports":[{"ipv4","prefix","mtu"}],"ports6":[{"ipv6","prefix","mtu"}]}: ports6
 * where there are any. An IPv4 address is a number, an IPv6 address text. */
json_t *gw_link_message_host(const struct gw_dp_host *host);
int gw_link_message_host_read(const json_t *o, struct gw_dp_host *host);

/* [[source_ip, peer_ip, core, initiator_slot, acceptor_slot, key_id, mtu], ...] */
json_t *gw_link_message_paths(const struct gw_dp_path *path, uint32_t n);
/* path has room for GW_DP_MAX_PATHS. -EPROTO. */
int gw_link_message_paths_read(const json_t *array, struct gw_dp_path *path, uint32_t *n);
