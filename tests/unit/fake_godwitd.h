/* SPDX-License-Identifier: BSD-3-Clause */
/* godwitd's RPC methods played from a clock, for tests of godwitctl. What happens depends on the
 * VM's name: "web" moves within a second, "slow" never ends, "fails" fails, "bad" is refused,
 * "busy" has a session, "far" has an unreachable peer, "odd" has names that no terminal should see;
 * others are not found. */
#pragma once

#include "../../control/rpc.h"

extern const struct gw_rpc_method fake_methods[];
/* How many ports the fake host has; 2 unless set. */
extern int fake_ports;
/* The second port's, in `ports`. */
extern const char *fake_port_address;
