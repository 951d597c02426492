/* SPDX-License-Identifier: BSD-3-Clause */
#include "announcer.h"

#include "../../dataplane/base/clock.h"
#include "../../dataplane/base/log.h"
#include "frame.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct announcement {
	struct announcement *next;
	struct gw_announcer *a;
	struct gw_timer *timer;
	struct gw_announce_nics nics;
	uint32_t round; /* how many are done */
	char vm[64], label[128];
};

struct gw_announcer {
	struct gw_loop *loop;
	int fd;
	char interface[IF_NAMESIZE];
	struct gw_announce_conf conf;
	struct announcement *first;
};

uint32_t gw_announce_delay_ms(const struct gw_announce_conf *conf, uint32_t n)
{
	uint64_t ms = conf->initial_ms + (uint64_t)(n - 1) * conf->step_ms;

	return ms < conf->max_ms ? (uint32_t)ms : conf->max_ms;
}

int gw_announcer_create(struct gw_loop *loop, const struct gw_announce_conf *conf,
	struct gw_announcer **out, struct gw_err *err)
{
	struct gw_announcer *a;

	if (if_nametoindex(conf->interface) == 0)
		return gw_err(err, -errno, "announce.interface: '%s': %s", conf->interface,
			strerror(errno));
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return gw_err(err, -ENOMEM, "announce: out of memory");
	a->loop = loop;
	a->conf = *conf;
	snprintf(a->interface, sizeof(a->interface), "%s", conf->interface);
	/* Of no protocol: it receives nothing. */
	a->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->fd < 0) {
		int rc = gw_err(err, -errno, "announce: packet socket: %s", strerror(errno));

		free(a);
		return rc;
	}
	*out = a;
	return 0;
}

static void end(struct announcement *n)
{
	for (struct announcement **p = &n->a->first; *p != NULL; p = &(*p)->next)
		if (*p == n) {
			*p = n->next;
			break;
		}
	gw_timer_free(&n->timer);
	free(n);
}

void gw_announcer_free(struct gw_announcer **announcer)
{
	struct gw_announcer *a = *announcer;

	if (a == NULL)
		return;
	while (a->first != NULL)
		end(a->first);
	close(a->fd);
	free(a);
	*announcer = NULL;
}

static int put(const struct gw_announcer *a, const uint8_t *frame, size_t n)
{
	/* Its number may have changed: bridges are made anew. */
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(a->interface)};

	if (to.sll_ifindex == 0 ||
		sendto(a->fd, frame, n, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

static int put_nic(const struct gw_announcer *a, const struct gw_announce_nic *nic)
{
	uint8_t frame[GW_ANNOUNCE_FRAME];
	int rc = put(a, frame, gw_announce_rarp(nic->mac, frame));

	for (uint32_t i = 0; i < nic->n_ipv4 && rc == 0; i++)
		rc = put(a, frame, gw_announce_arp(nic->mac, nic->ipv4[i], frame));
	for (uint32_t i = 0; i < nic->n_ipv6 && rc == 0; i++)
		rc = put(a, frame, gw_announce_na(nic->mac, nic->ipv6[i], frame));
	return rc;
}

static void round_due(void *ctx)
{
	struct announcement *n = ctx;
	const struct gw_announcer *a = n->a;
	int rc = 0;

	for (uint32_t i = 0; i < n->nics.n && rc == 0; i++)
		rc = put_nic(a, &n->nics.nic[i]);
	if (rc != 0)
		gw_warn("%s: cannot announce the guest on %s: %s", n->label, a->interface,
			strerror(-rc));
	if (++n->round < a->conf.rounds)
		gw_timer_set(n->timer, gw_announce_delay_ms(&a->conf, n->round) * GW_NS_PER_MS, 0);
	else
		end(n);
}

void gw_announcer_begin(struct gw_announcer *a, const char *vm, const char *label,
	const struct gw_announce_nics *nics)
{
	struct announcement *n;

	if (a == NULL || nics->n == 0)
		return;
	gw_announcer_end(a, vm);
	n = calloc(1, sizeof(*n));
	if (n != NULL)
		n->timer = gw_timer_create(a->loop, round_due, n);
	if (n == NULL || n->timer == NULL) {
		gw_warn("%s: cannot announce the guest: out of memory", label);
		free(n);
		return;
	}
	n->a = a;
	n->nics = *nics;
	snprintf(n->vm, sizeof(n->vm), "%s", vm);
	snprintf(n->label, sizeof(n->label), "%s", label);
	n->next = a->first;
	a->first = n;
	round_due(n);
}

void gw_announcer_end(struct gw_announcer *a, const char *vm)
{
	struct announcement *n = a != NULL ? a->first : NULL;

	while (n != NULL && strcmp(n->vm, vm) != 0)
		n = n->next;
	if (n != NULL)
		end(n);
}
