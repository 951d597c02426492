/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the QEMU kind share. */
#pragma once

#include "hv.h"
#include "qmp.h"
#include "qmp_collect.h"

/* Per command; the operation's own limit is shorter, this one cleans up behind it. */
#define GW_QEMU_ANSWER_LIMIT_NS (30ull * 1000000000ull)

struct gw_qemu_stream;

struct gw_qemu {
	struct gw_hv *hv;
	struct gw_qmp *qmp;
	struct gw_collect *collect;    /* of OPEN and CHECK */
	struct gw_qemu_stream *stream; /* from PAUSE to SAVE, or LOAD_OPEN to LOAD; qemu_state.c */
	uint8_t *state_room; /* for SAVE, populated by prepare; NULL: the source has none */
	json_t *undo;        /* arguments that put back what prepare changed; NULL: nothing */
	bool qmp_ready;
	bool answered;    /* of the running operation: the command that matters was answered */
	bool keep_stream; /* it outlives the operation that ends */
	bool loaded;      /* device state is in, the guest is paused */
	bool migrated;    /* MIGRATION events may be ours */
	/* What the guest was last asked to do: an event that says so is no news. */
	enum { GW_QEMU_ASKED_NOTHING, GW_QEMU_ASKED_PAUSE, GW_QEMU_ASKED_RUN } asked;
};

/* Sends a command of the running operation; where that is impossible the operation fails. */
void gw_qemu_ask(struct gw_hv *hv, const char *name, json_t *args, int fd, gw_qmp_done done);

/* For callbacks: the operation fails with the command's error; true: it did. */
bool gw_qemu_failed(struct gw_hv *hv, int result, const struct gw_err *err);

/* qemu_run.c */
void gw_qemu_pause(struct gw_hv *hv);
void gw_qemu_resume(struct gw_hv *hv);
void gw_qemu_unsave(struct gw_hv *hv);
void gw_qemu_announce(struct gw_hv *hv);
void gw_qemu_quit(struct gw_hv *hv);
void gw_qemu_run_event(struct gw_hv *hv); /* run state changed, or a migration ended */

/* qemu_state.c */
void gw_qemu_state_prepare(struct gw_hv *hv); /* what SAVE would lose time with */
void gw_qemu_save_early(struct gw_hv *hv);    /* for PAUSE: QEMU stops the guest on the way */
void gw_qemu_save(struct gw_hv *hv);
void gw_qemu_load_open(struct gw_hv *hv);
void gw_qemu_load(struct gw_hv *hv);
/* PAUSE or LOAD_OPEN ended well: its stream stays for SAVE or LOAD. */
void gw_qemu_state_keep(struct gw_hv *hv);
void gw_qemu_state_event(struct gw_hv *hv, const char *migration_status);
void gw_qemu_state_drop(struct gw_hv *hv); /* closes the stream */

/* qemu_setup.c */
void gw_qemu_prepare(struct gw_hv *hv);
void gw_qemu_setup_undo(struct gw_hv *hv); /* takes the QMP connection away */
