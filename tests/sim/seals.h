/* SPDX-License-Identifier: BSD-3-Clause */
/* Every packet that is sealed or opened is looked at: no key and nonce twice, and no end has other
 * keys than its peer. A breach is sim_broken(). */
#pragma once

void sim_seals_reset(void);
/* What did not open was damaged on its way: both ends always have the same keys. */
void sim_seals_check(void);
