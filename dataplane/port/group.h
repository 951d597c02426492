/* SPDX-License-Identifier: BSD-3-Clause */
/* An IPv6 port hears who asks for its address: solicitations go to a multicast MAC, which devices
 * filter. */
#pragma once

#include "port.h"

/* A started port. 0 too where nothing can be asked for: such devices (memif, rings) filter nothing.
 * IPv4 needs none: ARP is broadcast. */
int gw_port_join_group(struct gw_port *p, struct gw_err *err);
void gw_port_leave_group(struct gw_port *p);
