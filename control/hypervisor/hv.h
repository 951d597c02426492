/* SPDX-License-Identifier: BSD-3-Clause */
/* What hypervisor.c shares with the two kinds. */
#pragma once

#include "../../dataplane/base/secret.h"
#include "hypervisor.h"
#include "process.h"
#include "vcpus.h"

enum gw_hv_op_kind {
	GW_HV_OP_OPEN,
	GW_HV_OP_CHECK,
	GW_HV_OP_PREPARE,
	GW_HV_OP_PAUSE,
	GW_HV_OP_RESUME,
	GW_HV_OP_SAVE,
	GW_HV_OP_LOAD_OPEN,
	GW_HV_OP_LOAD,
	GW_HV_OP_UNSAVE,
	GW_HV_OP_ANNOUNCE,
	GW_HV_OP_QUIT,
	GW_HV_OP_KINDS,
};

/* An operation from its start until its callback has been called. */
struct gw_hv_op {
	enum gw_hv_op_kind kind;
	bool used;
	union {
		gw_hv_done plain;
		gw_hv_state_done state;
		gw_hv_reasons_done reasons;
	} done;
	void *arg;
	/* What LOAD takes, what SAVE gives. */
	const uint8_t *load;
	uint8_t *saved;
	uint64_t size;
	json_t *reasons; /* what CHECK gives */
	int result;
	struct gw_err err;
	struct gw_hv_op *next_finished;
};

/* A kind. Each operation ends by gw_hv_finish(), now or later. over: the operation has ended, maybe
 * without the kind (time limit, another one wanted): nothing of it may be heard any more. */
struct gw_hv_ops {
	const char *name;
	void (*opened)(struct gw_hv *hv); /* HELLO is there; describe, then finish */
	void (*check)(struct gw_hv *hv);
	void (*prepare)(struct gw_hv *hv);
	void (*pause)(struct gw_hv *hv);
	void (*resume)(struct gw_hv *hv);
	void (*save)(struct gw_hv *hv);
	void (*load_open)(struct gw_hv *hv);
	void (*load)(struct gw_hv *hv);
	void (*unsave)(struct gw_hv *hv);
	void (*announce)(struct gw_hv *hv);
	void (*quit)(struct gw_hv *hv); /* asks; hypervisor.c watches the process */
	void (*answered)(struct gw_hv *hv, struct gw_exporter_event *ev); /* lifecycle answers */
	void (*over)(struct gw_hv *hv);
	void (*free)(struct gw_hv *hv);
};

#define GW_HV_OP_SLOTS 8

struct gw_qemu;

struct gw_hv {
	const struct gw_hv_ops *ops;
	struct gw_loop *loop;
	enum gw_hv_role role;
	char name[GW_EXPORT_NAME_MAX];
	struct gw_hv_callbacks cb;
	uint64_t state_limit_bytes;
	enum gw_hv_run run;
	uint64_t stopped_ns; /* when it was paused last */
	uint64_t resume_ns;  /* when it was asked to run again, */
	uint64_t resumed_ns; /* and when it did; 0: it has not since */
	json_t *description;
	struct gw_exporter *exporter;
	struct gw_watch *exporter_watch;
	const struct gw_exporter_info *info; /* NULL before HELLO */
	struct gw_process *process;          /* NULL before HELLO */
	struct gw_qemu *qemu;                /* the kind's own; NULL: native */
	struct gw_secret_file loading;       /* native: what the exporter is asked to load */
	pid_t vcpu[GW_VCPU_MAX_THREADS];
	uint32_t n_vcpus;
	bool opened;
	bool gone;
	bool *freed; /* set when a callback frees the object that calls it */

	struct gw_hv_op op_slots[GW_HV_OP_SLOTS];
	struct gw_hv_op *op; /* the running one */
	struct gw_timer *limit;
	struct gw_hv_op *finished; /* first to be told first */
	struct gw_timer *tell;
};

extern const struct gw_hv_ops gw_hv_native_ops;
extern const struct gw_hv_ops gw_hv_qemu_ops;

/* hv_op.c */
int gw_hv_ops_create(struct gw_hv *hv);
void gw_hv_ops_free(struct gw_hv *hv);
void gw_hv_start_open(struct gw_hv *hv, gw_hv_done done, void *arg);

/* Ends the running operation; its callback is called from the loop. */
void gw_hv_finish(struct gw_hv *hv, int result, const struct gw_err *err);
void gw_hv_fail(struct gw_hv *hv, int result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Both call the session, which may free hv: nothing may touch it afterwards. */
void gw_hv_report(struct gw_hv *hv, enum gw_hv_event event, const char *text);
void gw_hv_lost(struct gw_hv *hv, const char *why); /* a socket broke */

/* qemu.c: connects to QMP; "opened" waits for its greeting too. */
int gw_qemu_create(
	struct gw_hv *hv, const char *qmp_path, const struct gw_trust *trust, struct gw_err *err);
/* One user must not lend another's VM a monitor, or memory, and root's least of all: -EPERM where
 * the two sockets of a VM are of different users. */
int gw_qemu_same_user(const struct gw_hv *hv, uid_t exporter, struct gw_err *err);
