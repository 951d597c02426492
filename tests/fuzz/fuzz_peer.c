/* SPDX-License-Identifier: BSD-3-Clause */
/* control/: what a peer says of its guest's memory. Each line is a letter and a message's body:
 * extents, digests, a question, an answer, or a description to compare with the one before. */
#include "../../control/extents.h"
#include "../../control/hypervisor/hypervisor.h"
#include "../../control/verify.h"
#include "../../dataplane/base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BYTES (5u << 20)
#define DATA_BYTES (16u << 12)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct gw_ram *memory;

/* verify.c asks its job, which there is none of here. */
bool gw_job_cancelled(const struct gw_job *job)
{
	(void)job;
	return false;
}

static void create(void)
{
	struct gw_ram_region r = {.id = 3, .size = BYTES, .fd = memfd_create("ram", MFD_CLOEXEC)};

	if (ftruncate(r.fd, BYTES) != 0 || gw_ram_map(&r, 1, true, &memory, NULL) != 0)
		abort();
	memset(gw_ram_region(memory, 0, NULL, NULL), 5, DATA_BYTES); /* holes are skipped */
	close(r.fd);
	gw_log_set_level((enum gw_log_level)0);
}

struct ends {
	struct gw_extents *extents;
	struct gw_verify *verify;
	json_t *before;
};

static void take_line(struct ends *e, char op, json_t *body)
{
	json_t *out = NULL;
	bool last;

	switch (op) {
	case 'e':
		gw_extents_take(e->extents, body, &last);
		break;
	case 'd':
		gw_verify_take(e->verify, body);
		break;
	case 'q':
		out = gw_verify_pages(e->verify, body);
		break;
	case 'a':
		if (gw_verify_complete(e->verify))
			json_decref(gw_verify_question(e->verify));
		gw_verify_answer(e->verify, body, "s");
		if (gw_verify_mismatched(e->verify) > gw_verify_total(e->verify))
			abort();
		break;
	default:
		out = gw_hv_compare(e->before, body);
		if (!json_is_array(out))
			abort();
		json_decref(e->before);
		e->before = json_incref(body);
	}
	json_decref(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ends e = {.before = json_object()};
	const char *at = (const char *)data, *end = at + size;

	if (memory == NULL)
		create();
	if (gw_extents_create(memory, &e.extents) != 0 || gw_verify_create(memory, &e.verify) != 0)
		abort();
	gw_verify_work(NULL, e.verify);
	while (at < end) {
		const char *line = at, *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline != NULL ? newline : end) - line);
		json_t *body = len > 1 ? json_loadb(line + 1, len - 1, JSON_REJECT_DUPLICATES, NULL)
				       : NULL;

		if (json_is_object(body))
			take_line(&e, *line, body);
		json_decref(body);
		at = newline != NULL ? newline + 1 : end;
	}
	json_decref(e.before);
	gw_verify_free(&e.verify);
	gw_extents_free(&e.extents);
	return 0;
}
