/* SPDX-License-Identifier: BSD-3-Clause */
/* What every mode starts and unwinds. */
#pragma once

#include "../tls.h"
#include "bench.h"
#include "loopback.h"
#include "ports.h"
#include "receiver.h"
#include "sender.h"
#include "talk.h"

#include <limits.h>

struct program {
	struct bench_options o;
	struct gw_loop *loop;
	uint8_t secret[GW_DP_SECRET_BYTES]; /* of a link whose ends are both here */
	bool has_secret;
	struct gw_watch *sigint, *sigterm;
	bool interrupted;     /* ends what waits; taken back by who has something to show */
	bool was_interrupted; /* stays */
	struct loopback loopback;
	struct bench_ports *ports;
	struct gw_dp_host host;
	struct gw_dp *dp;
	struct bench_events events;
	struct gw_tls *tls; /* of the connection to another machine; NULL: in the clear */
	char tls_file[3][PATH_MAX];
	struct talk *talk, *twin;
	struct receiver *receiver;
	struct bench bench;
};

/* p->ports, from options or a configuration; what a configuration says goes into the options. */
int program_ports(
	struct program *p, enum bench_side side, const char *directory, struct gw_err *err);
/* p->tls, from a configuration or --pki; NULL where neither speaks of it. After program_ports(). */
int program_tls(struct program *p, struct gw_err *err);
int program_start_loop(struct program *p, struct gw_err *err);
/* Before both ends begin. */
int program_secret(struct program *p, struct gw_err *err);
void program_unwind(struct program *p);
struct talk_conf program_talk_conf(struct program *p);
/* The sending end's whole work, once p->talk leads to the other end and data planes run. */
int program_measure(struct program *p, struct gw_err *err);

/* Each mode, until its end. Errors: -EINTR Ctrl-C, -EPROTO the other end is no godwit-bench. */
int mode_loopback(struct program *p, struct gw_err *err);
int mode_listen(struct program *p, struct gw_err *err);
int mode_run(struct program *p, struct gw_err *err);
int mode_self(struct program *p, struct gw_err *err);
