/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's list of RAM blocks is text for people, and its columns differ between versions. */
#pragma once

#include <jansson.h>

/* text: of x-query-ramblock or `info ramblock`. A new array [{"name","page_size","size"}] with
 * sizes in bytes ("size" is the block's maximum), in the order of the text. NULL: not understood.
 */
json_t *gw_ramblock_parse(const char *text);
