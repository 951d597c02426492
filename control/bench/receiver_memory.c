/* SPDX-License-Identifier: BSD-3-Clause */
/* The receiving end's memory, and the helper threads that make it. */
#include "receiver_internal.h"

#include "../../dataplane/base/clock.h"
#include "../message.h"

#include <errno.h>
#include <string.h>

#define LONG_NS (600 * GW_NS_PER_S)
#define LOOK_NS GW_NS_PER_MS
#define MARK_NS (200 * GW_NS_PER_US)
#define MAX_RAM_BYTES (UINT64_C(1) << 44)

static bool has_worked(void *ctx)
{
	return ((struct receiver *)ctx)->working == 0;
}

static void worked(void *arg)
{
	((struct receiver *)arg)->working--;
}

void receiver_free_memory(struct receiver *r)
{
	gw_populate_free(&r->populate);
	gw_extents_free(&r->extents);
	bench_memory_free(&r->memory);
}

static bool has_moved(void *ctx)
{
	struct receiver *r = ctx;

	return gw_populate_error(r->populate) != 0 ||
	       gw_populate_mark(r->populate, 0) > r->known_pages;
}

/* A helper thread's work, while the connection lives on. */
static int work(struct receiver *r, void (*fn)(struct gw_job *job, void *arg), struct gw_err *err)
{
	if (gw_job_start(r->loop, fn, worked, r) == NULL)
		return gw_err(err, -EAGAIN, "no helper thread: %s", strerror(errno));
	r->working++;
	return talk_wait(r->talk, LONG_NS, LOOK_NS, has_worked, receiver_poll, r, err);
}

static void populate_all(struct gw_job *job, void *arg)
{
	struct receiver *r = arg;

	(void)job;
	r->result = bench_memory_populate(&r->memory);
}

static void populate_ahead(struct gw_job *job, void *arg)
{
	gw_populate_work(job, ((struct receiver *)arg)->populate);
}

static void plain(struct gw_job *job, void *arg)
{
	struct receiver *r = arg;

	(void)job;
	r->plain_ns = bench_memory_plain_ns(r->plain_bytes);
}

static int take_ram_bytes(const json_t *q, uint64_t *bytes, struct gw_err *err)
{
	if (gw_message_u64(q, "ram_bytes", MAX_RAM_BYTES, bytes) != 0 || *bytes < 1u << 20 ||
		*bytes % (1u << 20) != 0)
		return gw_err(err, -EPROTO, "ram_bytes is not a number of MiB");
	return 0;
}

/* Memory of the size asked for, populated unless it is to be fresh. */
int receiver_op_memory(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	bool fresh = gw_message_bool(q, "fresh");
	uint64_t bytes;
	int rc = take_ram_bytes(q, &bytes, err);

	(void)answer;
	if (rc != 0)
		return rc;
	if (r->sink != NULL || r->bound != NULL || r->working != 0)
		return gw_err(err, -EBUSY, "a stream is open");
	receiver_free_memory(r);
	rc = bench_memory_create(bytes, &r->memory, err);
	if (rc == 0 && !fresh)
		rc = work(r, populate_all, err);
	if (rc == 0 && r->result != 0)
		rc = gw_err(err, r->result, "%llu MiB of memory cannot be had: %s",
			(unsigned long long)(bytes >> 20), strerror(-r->result));
	return rc;
}

/* Helper threads populate it from its begin while pages arrive behind them. */
int receiver_op_populate(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	struct gw_populate_conf conf = {.ram = r->memory.ram};
	int rc;

	(void)q;
	(void)answer;
	if (r->memory.ram == NULL || r->populate != NULL)
		return gw_err(err, -EPROTO, "no memory, or it was populated");
	rc = gw_extents_create(r->memory.ram, &r->extents);
	if (rc != 0)
		return gw_err(err, rc, "out of memory");
	gw_extents_add(r->extents, 0, 0, r->memory.pages);
	conf.extents = r->extents;
	rc = gw_populate_create(&conf, &r->populate);
	if (rc != 0)
		return gw_err(err, rc, "out of memory");
	for (uint32_t i = 0; i < r->options->populate_threads; i++) {
		if (gw_job_start(r->loop, populate_ahead, worked, r) == NULL && i == 0)
			return gw_err(err, -EAGAIN, "no helper thread: %s", strerror(errno));
		r->working++;
	}
	return 0;
}

/* Answered when the mark has moved beyond the one that the other end knows. */
int receiver_op_populated(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	uint64_t known = 0;
	int rc;

	if (r->populate == NULL || gw_message_u64(q, "pages", UINT64_MAX / 2, &known) != 0)
		return gw_err(err, -EPROTO, "nothing is being populated");
	r->known_pages = known;
	rc = talk_wait(r->talk, LONG_NS, MARK_NS, has_moved, NULL, r, err);
	if (rc == 0 && gw_populate_error(r->populate) != 0)
		rc = gw_err(err, gw_populate_error(r->populate), "memory cannot be had: %s",
			strerror(-gw_populate_error(r->populate)));
	if (rc == 0)
		json_object_set_new(answer, "pages",
			json_integer((json_int_t)gw_populate_mark(r->populate, 0)));
	return rc;
}

int receiver_op_plain(struct receiver *r, const json_t *q, json_t *answer, struct gw_err *err)
{
	int rc = take_ram_bytes(q, &r->plain_bytes, err);

	if (rc == 0)
		rc = work(r, plain, err);
	if (rc != 0)
		return rc;
	if (r->plain_ns < 0)
		return gw_err(err, (int)r->plain_ns, "fresh memory cannot be had: %s",
			strerror((int)-r->plain_ns));
	json_object_set_new(answer, "ns", json_integer(r->plain_ns));
	return 0;
}

int receiver_wait_work(struct receiver *r, struct gw_err *err)
{
	return r->working == 0 ? 0 : talk_wait(r->talk, LONG_NS, LOOK_NS, has_worked, NULL, r, err);
}
