/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * godwitd's end of an export socket: non-blocking, one request outstanding per type, everything
 * that the exporter says is checked before it is believed. No thread, no loop: the caller polls
 * gw_exporter_fd().
 */
#pragma once

#include "godwit_export.h"
#include "ring.h"
#include "trust.h"
#include "../base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct gw_exporter;

/* What HELLO told, checked: it is of the VM that was asked for, names are NUL-terminated, sizes fit
 * the descriptors (fstat), region ids are distinct, the ring memfd is sealed against shrinking and
 * large enough. */
struct gw_exporter_info {
	uint32_t caps;
	uint8_t uuid[16];
	char vm_name[GW_EXPORT_NAME_MAX];
	char track_error[GW_EXPORT_TEXT_MAX];
	pid_t pid;      /* from SO_PEERCRED; of the process that pidfd holds */
	int pidfd;      /* from the socket; owned by the client object */
	uid_t uid;      /* from SO_PEERCRED */
	bool uffd_lent; /* it was given a descriptor of /dev/userfaultfd */
	uint32_t n_regions;
	struct gw_export_region region[GW_EXPORT_MAX_REGIONS];
	int region_fd[GW_EXPORT_MAX_REGIONS]; /* owned by the client object; O_RDWR */
	uint32_t n_rings;
	struct gw_ring_reader ring[GW_EXPORT_MAX_RINGS]; /* copy them to whoever drains */
};

struct gw_exporter_event {
	enum gw_export_type type; /* HELLO, STARTED, STOPPED, SYNCED, PAUSED, RESUMED, SAVED,
				     LOADED, THROTTLED, TOUCHED,
				    ERROR */
	union {
		struct gw_export_synced synced; /* heads checked: not behind the last ones */
		struct {
			uint64_t size; /* bytes, at most the caller's state limit */
			int fd;        /* the event's reader owns it */
		} saved;
		uint64_t resumed_at_ns; /* 0: not told; not checked */
		struct gw_export_error error; /* text NUL-terminated */
	};
};

/* Connects to the unix socket at path, of the VM called vm_name: a HELLO of any other is -EPROTO.
 * state_limit_bytes bounds SAVED. Errors: -ENOENT, -ECONNREFUSED (nobody listens), -EAGAIN (so many
 * wait already that the backlog is full), -ENOTSOCK (no socket, or a symbolic link), -EPERM
 * (another user's exporter, or init's), -ESRCH (the process that made the socket has ended). A busy
 * exporter makes the connection wait for HELLO. An exporter that refuses sends the event ERROR with
 * request GW_EXPORT_HELLO instead, and closes. */
int gw_exporter_connect(const char *path, const char *vm_name, uint64_t state_limit_bytes,
	const struct gw_trust *trust, struct gw_exporter **out, struct gw_err *err);

/* Closes the socket, unmaps the rings (no reader may use them any more), closes the descriptors. */
void gw_exporter_free(struct gw_exporter **x);

int gw_exporter_fd(const struct gw_exporter *x);

/* Valid after the HELLO event and until gw_exporter_free(); pid, pidfd and uid from the start. */
const struct gw_exporter_info *gw_exporter_info(const struct gw_exporter *x);

/* Reads one message. 1: *ev is filled; 0: nothing now; -EPIPE: the exporter is gone; -EPROTO: it
 * broke the contract (err says how). After a negative value only gw_exporter_free() is allowed. */
int gw_exporter_read(struct gw_exporter *x, struct gw_exporter_event *ev, struct gw_err *err);

/* Requests; the answer comes as an event. 0, -EPIPE, -EAGAIN when the socket is full (a stalled
 * exporter), -EALREADY when the same request is outstanding, -EINVAL before HELLO or without the
 * capability. */
int gw_exporter_start(struct gw_exporter *x);
int gw_exporter_stop(struct gw_exporter *x);
/* last: nobody writes to the guest's memory any more, and no SYNC follows before the next START. */
int gw_exporter_sync(struct gw_exporter *x, uint64_t epoch, bool last);
int gw_exporter_pause(struct gw_exporter *x);
int gw_exporter_resume(struct gw_exporter *x);
int gw_exporter_save(struct gw_exporter *x);
int gw_exporter_load(struct gw_exporter *x, int fd, uint64_t size);
int gw_exporter_quit(struct gw_exporter *x);
/* percent: 0..GW_EXPORT_THROTTLE_MAX */
int gw_exporter_throttle(struct gw_exporter *x, uint32_t percent);
int gw_exporter_touch(struct gw_exporter *x);
