/* SPDX-License-Identifier: BSD-3-Clause */
#include "mtu.h"

#include <string.h>

void gw_mtu_init(struct gw_mtu *m, uint32_t limit)
{
	/* One page per packet, fragments as at 1500, the smallest that a link may have (IPv6's). */
	static const uint16_t classes[] = {4200, 1500, 1280};

	memset(m, 0, sizeof(*m));
	m->size[m->sizes++] = (uint16_t)limit;
	for (unsigned int i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (classes[i] < limit)
			m->size[m->sizes++] = classes[i];
}

static void test(struct gw_mtu *m, uint8_t index)
{
	m->active = true;
	m->testing = index;
	m->sent = false;
	m->misses = 0;
}

void gw_mtu_start(struct gw_mtu *m)
{
	test(m, 0);
}

void gw_mtu_suspect(struct gw_mtu *m, uint64_t now_ns)
{
	if (!m->active && now_ns - m->tested_ns > GW_MTU_SUSPECT_NS)
		test(m, m->good);
}

/* The size under test does not pass. */
static void failed(struct gw_mtu *m, uint64_t now_ns)
{
	m->active = false;
	m->tested_ns = now_ns;
	if (m->testing < m->good || m->testing + 1u == m->sizes)
		return; /* it was known, or there is nothing smaller */
	m->good = m->testing + 1u;
	test(m, m->good);
}

uint32_t gw_mtu_due(struct gw_mtu *m, uint64_t now_ns)
{
	if (!m->active && m->good != 0 && now_ns - m->tested_ns > GW_MTU_RETEST_NS)
		test(m, 0);
	if (!m->active)
		return 0;
	if (m->sent && m->small_came && now_ns - m->came_ns > GW_MTU_WAIT_NS) {
		m->sent = false;
		if (++m->misses == GW_MTU_MISSES)
			failed(m, now_ns);
	}
	if (!m->active || (m->sent && (m->small_came || now_ns - m->sent_ns < GW_MTU_SILENCE_NS)))
		return 0;
	return m->size[m->testing];
}

void gw_mtu_sent(struct gw_mtu *m, uint64_t large_psn, uint64_t small_psn, uint64_t now_ns)
{
	m->sent = true;
	m->small_came = false;
	m->large_psn = large_psn;
	m->small_psn = small_psn;
	m->sent_ns = now_ns;
}

void gw_mtu_replied(struct gw_mtu *m, uint64_t psn, uint64_t now_ns)
{
	if (!m->active || !m->sent)
		return;
	if (psn == m->large_psn) {
		m->active = false;
		m->good = m->testing;
		m->tested_ns = now_ns;
	} else if (psn == m->small_psn && !m->small_came) {
		m->small_came = true;
		m->came_ns = now_ns;
	}
}
