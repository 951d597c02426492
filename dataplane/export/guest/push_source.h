/* SPDX-License-Identifier: BSD-3-Clause */
/* The dirty source of a guest whose own threads push what they write, each into its own ring. */
#pragma once

#include "../exporter.h"

/* The context is the guest. */
const struct gw_export_source_ops *guest_push_source_ops(void);
