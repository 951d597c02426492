/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots subtracted, and as they travel. Pure. */
#include "snapshot.h"

#include "../message.h"

#include <errno.h>
#include <string.h>

#define QUEUE_FIELDS 10u
#define WORKER_FIELDS 7u

void snapshot_interval(const struct snapshot *was, const struct snapshot *now, struct snapshot *out)
{
	*out = *now;
	out->time_ns -= was->time_ns;
	out->moved_bytes -= was->moved_bytes;
	out->drops -= was->drops;
	out->faults -= was->faults;
	out->missed -= was->missed;
	for (uint32_t i = 0; i < out->n_workers; i++) {
		out->worker[i].tsc -= was->worker[i].tsc;
		out->worker[i].passes -= was->worker[i].passes;
		out->worker[i].busy_passes -= was->worker[i].busy_passes;
		out->worker[i].busy_cycles -= was->worker[i].busy_cycles;
		out->worker[i].away_cycles -= was->worker[i].away_cycles;
	}
	for (uint32_t i = 0; i < out->n_queues; i++) {
		struct snapshot_queue *q = &out->queue[i];
		const struct snapshot_queue *w = &was->queue[i];

		q->rx_packets -= w->rx_packets;
		q->rx_bytes -= w->rx_bytes;
		q->tx_packets -= w->tx_packets;
		q->tx_bytes -= w->tx_bytes;
		q->payload_bytes -= w->payload_bytes;
		q->lost_packets -= w->lost_packets;
		q->resent_pages -= w->resent_pages;
		memset(&out->rtt[i], 0, sizeof(out->rtt[i]));
		gw_histogram_interval(&out->rtt[i], &now->rtt[i], &was->rtt[i]);
	}
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)(v & INT64_MAX));
}

static json_t *numbers(const uint64_t *v, uint32_t n)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(a, number(v[i]));
	return a;
}

json_t *snapshot_json(const struct snapshot *s)
{
	json_t *workers = json_array(), *queues = json_array();

	for (uint32_t i = 0; i < s->n_workers; i++) {
		const struct gw_dp_worker_stats *w = &s->worker[i];
		uint64_t v[WORKER_FIELDS] = {w->cpu, (uint64_t)(w->socket + 1), w->tsc, w->passes,
			w->busy_passes, w->busy_cycles, w->away_cycles};

		json_array_append_new(workers, numbers(v, WORKER_FIELDS));
	}
	for (uint32_t i = 0; i < s->n_queues; i++) {
		const struct snapshot_queue *q = &s->queue[i];
		uint64_t v[QUEUE_FIELDS] = {q->port, q->queue, q->worker, q->rx_packets,
			q->rx_bytes, q->tx_packets, q->tx_bytes, q->payload_bytes, q->lost_packets,
			q->resent_pages};

		json_array_append_new(queues, numbers(v, QUEUE_FIELDS));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "time_ns", number(s->time_ns),
		"moved", number(s->moved_bytes), "drops", number(s->drops), "faults",
		number(s->faults), "missed", number(s->missed), "workers", workers, "queues",
		queues);
}

/* n numbers of the i-th array in list. */
static int read_numbers(const json_t *list, size_t i, uint64_t *v, uint32_t n)
{
	const json_t *a = json_array_get(list, i);

	if (!json_is_array(a) || json_array_size(a) != n)
		return -EPROTO;
	for (uint32_t k = 0; k < n; k++) {
		const json_t *x = json_array_get(a, k);

		if (!json_is_integer(x) || json_integer_value(x) < 0)
			return -EPROTO;
		v[k] = (uint64_t)json_integer_value(x);
	}
	return 0;
}

int snapshot_read(const json_t *o, struct snapshot *s)
{
	const json_t *workers = json_object_get(o, "workers"),
		     *queues = json_object_get(o, "queues");
	uint64_t v[QUEUE_FIELDS];

	memset(s, 0, sizeof(*s));
	if (gw_message_u64(o, "time_ns", INT64_MAX, &s->time_ns) != 0 ||
		gw_message_u64(o, "moved", INT64_MAX, &s->moved_bytes) != 0 ||
		gw_message_u64(o, "drops", INT64_MAX, &s->drops) != 0 ||
		gw_message_u64(o, "faults", INT64_MAX, &s->faults) != 0 ||
		gw_message_u64(o, "missed", INT64_MAX, &s->missed) != 0 ||
		!json_is_array(workers) || !json_is_array(queues) ||
		json_array_size(workers) > GW_DP_MAX_WORKERS ||
		json_array_size(queues) > SNAPSHOT_MAX_QUEUES)
		return -EPROTO;
	for (; s->n_workers < json_array_size(workers); s->n_workers++) {
		if (read_numbers(workers, s->n_workers, v, WORKER_FIELDS) != 0 || v[0] > 1u << 20 ||
			v[1] > 1u << 20)
			return -EPROTO;
		s->worker[s->n_workers] = (struct gw_dp_worker_stats){
			(uint32_t)v[0], (int)v[1] - 1, v[2], v[3], v[4], v[5], v[6]};
	}
	for (; s->n_queues < json_array_size(queues); s->n_queues++) {
		if (read_numbers(queues, s->n_queues, v, QUEUE_FIELDS) != 0 ||
			v[0] >= GW_DP_MAX_PORTS || v[1] > UINT16_MAX || v[2] >= GW_DP_MAX_WORKERS)
			return -EPROTO;
		s->queue[s->n_queues] = (struct snapshot_queue){(uint32_t)v[0], (uint32_t)v[1],
			(uint32_t)v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]};
	}
	return 0;
}
