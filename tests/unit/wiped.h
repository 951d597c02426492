/* SPDX-License-Identifier: BSD-3-Clause */
/* What sources that are included after this give back by gw_secret_free(): is it wiped by then? The
 * kernel zeroes it only for its next owner. */
#pragma once

#include "../../dataplane/base/secret.h"

#include <stdint.h>

static unsigned int n_given_back, n_not_wiped;

static void wiped_free(void *p)
{
	const uint8_t *bytes = p;
	uint8_t left = 0;

	for (uint32_t i = 0; p != NULL && i < 4096; i++) /* a page at least */
		left |= bytes[i];
	n_given_back += p != NULL;
	n_not_wiped += left != 0;
	gw_secret_free(p);
}

#define gw_secret_free wiped_free
