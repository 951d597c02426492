/* SPDX-License-Identifier: BSD-3-Clause */
/* When the end of a certificate is near enough to be spoken of: in godwitd's log and by godwitctl.
 */
#pragma once

#include <stdint.h>

#define GW_EXPIRY_DAY_S INT64_C(86400)
#define GW_EXPIRY_WARN_DAYS 30 /* fewer are left */
#define GW_EXPIRY_WARN_S (GW_EXPIRY_WARN_DAYS * GW_EXPIRY_DAY_S)
