/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that somebody else wrote (a hypervisor, a peer, a hook), for logs and terminals. */
#pragma once

/* No line breaks, no escape sequences. */
static inline void gw_text_clean(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}
