/* SPDX-License-Identifier: BSD-3-Clause */
/* What joins both sides' ports: rings, and a thread that moves frames between them and does what
 * bad wires do. */
#pragma once

#include "rig.h"

/* Ports "<side><i>" of both sides, and the strands between them. */
int rig_wire_join(const struct rig_conf *conf);
int rig_wire_start(struct rig *rig);
void rig_wire_stop(void);
