/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hypervisor as the session sees it: one VM, a small table of asynchronous operations. Two kinds:
 * `qemu` (QMP for the guest's life, the export socket for its memory) and `native` (all over the
 * export socket). Every operation completes by exactly one call of its callback on the control
 * thread (never from inside the call that started it), unless the object is freed first. Every
 * operation has a time limit; when it passes, the callback gets -ETIMEDOUT. One operation runs at a
 * time (gw_hv_check() counts): a new one makes the running one give way, which gets -ECANCELED
 * first. So resume and quit may be called at any moment. What has been asked of the hypervisor may
 * still happen then; resume waits for it or undoes it. Before open is done and after GW_HV_GONE
 * every operation but quit gets -ENOTCONN; one that GONE hits gets -EPIPE. A request that the
 * hypervisor refused gets -EREMOTEIO, with its words.
 */
#pragma once

#include "../../dataplane/base/error.h"
#include "../../dataplane/export/client.h"
#include "../loop.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct gw_hv;

enum gw_hv_role { GW_HV_SOURCE, GW_HV_DESTINATION };

/* Guest run states that matter here. */
enum gw_hv_run { GW_HV_RUNNING, GW_HV_PAUSED, GW_HV_INCOMING, GW_HV_SHUTDOWN, GW_HV_OTHER };

/* What the VM did by itself. GONE: a socket broke (the process may still live: gw_hv_quit() makes
 * sure). STOPPED/RESUMED: somebody else paused or resumed it. CHANGED: hot-plug, block job, reset,
 * shutdown, somebody else's migration; the session ends cleanly. */
enum gw_hv_event { GW_HV_GONE, GW_HV_STOPPED, GW_HV_RESUMED, GW_HV_CHANGED };

/* Called from the loop only, after open is done (a failure before is open's result); they may free
 * the object. */
struct gw_hv_callbacks {
	void (*event)(void *ctx, enum gw_hv_event event, const char *text); /* text says what */
	/* Export events of type STARTED, STOPPED, SYNCED (the session drives these with
	 * gw_hv_exporter()), and ERROR answers to START/STOP/SYNC. */
	void (*exporter)(void *ctx, const struct gw_exporter_event *ev);
	void *ctx;
};

/* result: 0 or a negative errno (err has text then). */
typedef void (*gw_hv_done)(void *arg, int result, const struct gw_err *err);

/* What holds for every VM of this host. */
struct gw_hv_place {
	const char *vm_dir;
	uint64_t state_limit_bytes; /* of a device state */
	struct gw_trust trust;      /* whose processes may serve the two sockets */
};

/* Opens the VM called name under place->vm_dir: NAME.export (export socket) and, where it exists,
 * NAME.qmp (QEMU's QMP socket: then the kind is qemu, otherwise native, which needs
 * GW_EXPORT_CAP_LIFECYCLE). Neither may be a symbolic link, both must be of one user and of this
 * VM: HELLO's name, and its uuid where it has one and QMP tells one. done runs when HELLO has come,
 * QMP has negotiated, and the VM has been described. */
int gw_hv_open(struct gw_loop *loop, const struct gw_hv_place *place, const char *name,
	enum gw_hv_role role, const struct gw_hv_callbacks *cb, gw_hv_done done, void *arg,
	struct gw_hv **out, struct gw_err *err);

/* Closes the sockets. Pending callbacks are not called. Capabilities that were set on the
 * hypervisor by prepare are put back where that is still possible. A paused guest stays paused:
 * resuming is the session's decision. */
void gw_hv_free(struct gw_hv **hv);

const char *gw_hv_kind(const struct gw_hv *hv);         /* "qemu" or "native" */
struct gw_exporter *gw_hv_exporter(struct gw_hv *hv);   /* valid after open is done */
enum gw_hv_run gw_hv_run_state(const struct gw_hv *hv); /* as last heard */

/* After open: what both ends must have in common, as JSON to send to the peer (owned by hv; incref
 * to keep):
 * {"kind","version","machine","uuid","accel","memory_bytes","regions":[{"id","name","size","page_size","numa_node"}],
 *  "ram_blocks":[{"name","size"}], "devices":[...as far as comparable...], "run_state"}. */
const json_t *gw_hv_description(const struct gw_hv *hv);

/* Pure: what forbids moving a guest described by source to the one described by destination. A new
 * JSON array of reasons
 * {"where":"source|destination|both","code":"machine_type_differs","message":"...","remedy":"..."};
 * empty: nothing. */
json_t *gw_hv_compare(const json_t *source, const json_t *destination);

/* The threads that run the guest's vCPUs, as of the last check; 0: not known (native). Borrowed
 * until the next check. */
uint32_t gw_hv_vcpus(const struct gw_hv *hv, const pid_t **tids);

/* Hazards and blockers of this end (design section 2), all of them. Result array as in
 * gw_hv_compare; owned by the callee of done (it must json_decref). Called at prepare and again
 * before pause. */
typedef void (*gw_hv_reasons_done)(
	void *arg, int result, json_t *reasons, const struct gw_err *err);
void gw_hv_check(struct gw_hv *hv, gw_hv_reasons_done done, void *arg);

/* Source: capabilities, events. Destination: the same, late-block-activate, announce-rounds 0. */
void gw_hv_prepare(struct gw_hv *hv, gw_hv_done done, void *arg);
/* The guest's CPUs stand when done runs. QEMU may still be draining its disks, and write guest
 * memory with that, until its state is saved: the SYNC after that finds it. */
void gw_hv_pause(struct gw_hv *hv, gw_hv_done done, void *arg);
/* After a pause: gw_now_ns() time from which the guest stood (QEMU's own word; native: when it was
 * asked). */
uint64_t gw_hv_stopped_ns(const struct gw_hv *hv);
/* Source after abort, and destination after GO (QEMU: cont). Idempotent: a running guest answers 0.
 * A guest that still waits for its state is refused with -EBUSY: it would start by itself as soon
 * as that were loaded. -EINPROGRESS: the hypervisor took the request and the guest does not run
 * now; it may have run, as after -ETIMEDOUT. */
void gw_hv_resume(struct gw_hv *hv, gw_hv_done done, void *arg);
/* After a resume: gw_now_ns() time from which the guest ran (the hypervisor's own word; else when it
 * was done). 0: it has not since it was asked to. */
uint64_t gw_hv_resumed_ns(const struct gw_hv *hv);
/* Device state of a paused guest into memory. *state is gw_secret_alloc'ed, freed by done's owner.
 */
typedef void (*gw_hv_state_done)(
	void *arg, int result, uint8_t *state, uint64_t size, const struct gw_err *err);
void gw_hv_save(struct gw_hv *hv, gw_hv_state_done done, void *arg);
/* Makes a guest that waits for its device state ready for it, which takes a while; from here on its
 * process cannot be used for anything else. Native: completes at once. */
void gw_hv_load_open(struct gw_hv *hv, gw_hv_done done, void *arg);
/* After gw_hv_load_open(): loads device state into a guest that waits for it; state must stay valid
 * until done. The guest stays paused. */
void gw_hv_load(struct gw_hv *hv, const uint8_t *state, uint64_t size, gw_hv_done done, void *arg);
/* Puts the source back after save, also after one that failed, so that resume works (QEMU: an
 * unfinished migration is cancelled; after a finished one nothing is needed). resume does the same
 * by itself. */
void gw_hv_unsave(struct gw_hv *hv, gw_hv_done done, void *arg);
/* The network learns where the guest is now (QEMU: announce-self). Native: completes at once. */
void gw_hv_announce(struct gw_hv *hv, gw_hv_done done, void *arg);
/* Ends the hypervisor process; done with 0 when it is known to be gone (pidfd). It is killed where
 * it does not end by itself within 10 s. Works also after GW_HV_GONE, and at once where the process
 * has ended. */
void gw_hv_quit(struct gw_hv *hv, gw_hv_done done, void *arg);
