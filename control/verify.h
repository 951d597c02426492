/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Verify mode: both ends digest their memory, the source tells its chunk digests, the destination
 * compares. For chunks that differ it asks for the page digests, so that the mismatched pages are
 * counted and named.
 */
#pragma once

#include "digest.h"
#include "loop.h"

#include <jansson.h>

#define GW_VERIFY_MAX_CHUNKS 64u /* of those that differ, looked into page by page */

struct gw_verify;

int gw_verify_create(const struct gw_ram *ram, struct gw_verify **out);
void gw_verify_free(struct gw_verify **v); /* when no job works on it */
/* The job: digests all own memory; result afterwards. */
void gw_verify_work(struct gw_job *job, void *arg);
int gw_verify_result(const struct gw_verify *v);

/* Source, after the job: the next message body {region, first, digests: [hex, ...], last}; NULL
 * when all is told. */
json_t *gw_verify_next(struct gw_verify *v);
/* Source: the body {region, chunk, digests: [hex, ...]} that answers a question, NULL where it
 * makes no sense. */
json_t *gw_verify_pages(const struct gw_verify *v, const json_t *question);

/* Destination: takes digests; they must come in order. -EPROTO. */
int gw_verify_take(struct gw_verify *v, const json_t *body);
bool gw_verify_complete(const struct gw_verify *v); /* all of the peer's are here */
/* Destination, after its job and complete: the next chunk that differs, as the question's body;
 * NULL: none left. */
json_t *gw_verify_question(struct gw_verify *v);
/* Destination: the answer; logs and counts pages that differ. -EPROTO. */
int gw_verify_answer(struct gw_verify *v, const json_t *body, const char *session);
uint64_t gw_verify_total(const struct gw_verify *v); /* pages */
uint64_t gw_verify_mismatched(
	const struct gw_verify *v); /* pages; at least one for each chunk not looked into */
