/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection's own, shared by its files. */
#pragma once

#include "talk.h"

#define TALK_LOOK_NS 5000000u /* between looks at what is waited for */

struct talk {
	struct talk_conf conf;
	struct gw_dp *dp;
	struct gw_peer *peer; /* NULL: both ends are in this process */
	struct talk *twin;    /* sending end: the receiving one; NULL: not in this process */
	json_t *(*answerer)(void *ctx, const json_t *question);
	void *answerer_ctx;
	struct gw_link *link;
	struct gw_timer *timer;
	json_t *inbox; /* the one question or answer that has come */
	bool gone, stopping;
	char reason[GW_ERR_TEXT]; /* why it is gone, or has no link */
	char link_error[GW_ERR_TEXT];
};

/* ---- talk_link.c: messages about paths; a negative return closes the connection ---- */
int talk_take_paths(struct talk *t, const json_t *body);
int talk_take_answer(struct talk *t, const json_t *body);
