/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libgodwit-export: how a VMM exports a guest to godwit. Plain C11 and pthread.
 *
 * A VMM describes the guest (regions, name), gives a dirty source (how its pages are tracked) and,
 * if godwit is to pause and move the guest without another control channel, lifecycle functions.
 * The library does the rest: socket, credentials, messages, rings, one thread that takes no
 * signals, and short-lived ones beside it while a client tracks or touches memory (two, and up to
 * seven in the last harvest of uffd_wp.h; where none can be had, it goes on without).
 * The protocol itself is in godwit_export.h.
 *
 * Functions return 0 or a negative errno. A `why` argument is a text for people that the callee
 * fills on failure (gw_export_why() does it); it may be NULL.
 */
#pragma once

#include "godwit_export.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GW_EXPORT_API __attribute__((visibility("default")))

struct gw_export_reason {
	char text[GW_EXPORT_TEXT_MAX];
};

/* Fills why (NULL is allowed) and returns code. */
GW_EXPORT_API int gw_export_why(struct gw_export_reason *why, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Where a dirty source puts its pages: the rings of the connected client. */
struct gw_export_sink;

/*
 * Pushes pages page_idx .. page_idx + n_pages - 1 of the region into ring ring_idx. Waits while the
 * ring is full. One thread at a time per ring; different rings from different threads at the same
 * time. -ERANGE: outside the region, or no such ring; -EPIPE, -ECANCELED, -ESHUTDOWN, -EPROTO:
 * nobody will take pages any more (client gone, STOP, server ends, client broke the ring): give up,
 * stop() follows.
 */
GW_EXPORT_API int gw_export_push(struct gw_export_sink *sink, uint32_t ring_idx, uint8_t region,
	uint64_t page_idx, uint64_t n_pages);

/* A dirty source. Called from the server's thread. */
struct gw_export_source_ops {
	/* From its return on every write to any region is noticed. The sink is valid until stop().
	 */
	int (*start)(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why);
	/* Everything written before the call is in the rings when it returns, and the pages that it
	 * pushed are tracked again (a write after the push is in the next harvest). A source whose
	 * own threads push at any time takes a lock here that they hold from before a write until
	 * after its push. */
	int (*harvest)(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why);
	/* Writes cost nothing any more; when it returns no thread is in gw_export_push(). */
	void (*stop)(void *ctx);
	/* As harvest, but nobody writes any more: nothing needs to be tracked again until the next
	 * start(). NULL: harvest. */
	int (*harvest_last)(void *ctx, struct gw_export_sink *sink, struct gw_export_reason *why);
};

/* What godwit does to a guest that has no other control channel. From the server's thread. */
struct gw_export_lifecycle_ops {
	/* No write to guest RAM after the return. A paused guest stays paused: 0. */
	int (*pause)(void *ctx, struct gw_export_reason *why);
	int (*resume)(void *ctx, struct gw_export_reason *why);
	bool (*paused)(void *ctx);
	/* The guest is paused. *fd: device state, a memfd or file that becomes the server's;
	 * *size_bytes of it, from offset 0. May write guest RAM: a SYNC follows. */
	int (*save)(void *ctx, int *fd, uint64_t *size_bytes, struct gw_export_reason *why);
	/* RAM is complete. fd stays the server's. The guest stays paused. Trust nothing in it. */
	int (*load)(void *ctx, int fd, uint64_t size_bytes, struct gw_export_reason *why);
	/* The guest is not needed any more. Must return; the process ends on its own thread. */
	void (*quit)(void *ctx);
	/* Whether the guest was started to receive a migration and nothing has been loaded yet: its
	 * memory is anybody's to overwrite. Never after a load() or resume() that succeeded. NULL:
	 * never, the VMM's guests cannot be migrated to. */
	bool (*incoming)(void *ctx);
};

/* One guest, as one client sees it. */
struct gw_export_description {
	char vm_name[GW_EXPORT_NAME_MAX]; /* NAME, where socket_path is FOLDER/NAME.export */
	uint8_t uuid[16];                 /* all zero: unknown */
	uint32_t n_regions;
	struct gw_export_region region[GW_EXPORT_MAX_REGIONS];
	int region_fd[GW_EXPORT_MAX_REGIONS]; /* O_RDWR; become the server's, which closes them */
	/* Where the guest's threads see the regions; NULL: pages that another process filled take
	 * their faults when the guest runs. */
	const void *region_addr[GW_EXPORT_MAX_REGIONS];
	/* NULL: no tracking, and track_error says why (a reason that a person can act on). Both
	 * stay valid until the next describe() or until the server is freed. */
	const struct gw_export_source_ops *source;
	void *source_ctx;
	char track_error[GW_EXPORT_TEXT_MAX];
	uint32_t n_rings; /* 1..GW_EXPORT_MAX_RINGS; one, unless several threads push */
};

struct gw_export_config {
	const char *socket_path;  /* a stale socket there is replaced, a live one is -EADDRINUSE */
	uint32_t socket_mode;     /* mode bits of the socket; 0: 0600 */
	const char *socket_group; /* name or number; NULL: as it comes. Looked up at once */
	/* Who may connect beside root and this process's own user, by name or number; NULL: nobody.
	 */
	const char *client_user;
	uint32_t ring_entries; /* power of two, GW_EXPORT_RING_MIN_ENTRIES..MAX; 0: 65536 */
	/* Called for each client before HELLO, with *out zeroed. On failure the client is told why
	 * and sent away; the descriptors already in *out are still closed if n_regions covers them.
	 */
	int (*describe)(void *ctx, struct gw_export_description *out, struct gw_export_reason *why);
	const struct gw_export_lifecycle_ops *lifecycle; /* NULL: none */
	/* The guest is to stand still for so much of its time, in short turns, 0 to 99 percent: so
	 * that it does not dirty its memory faster than it can be sent. NULL: it cannot be slowed.
	 * From the server's thread; the end of a connection lifts it. */
	void (*throttle)(void *ctx, uint32_t percent);
	void *ctx; /* for describe, lifecycle and throttle */
};

struct gw_export_server;

/* Binds the socket and starts the thread, in the process that runs the guest: the one that godwit
 * slows and ends (a VMM forks before, not after). The config is copied, but what it points to
 * stays the caller's and must outlive the server. -EINVAL (also: no such user or group),
 * -EADDRINUSE, -ENAMETOOLONG, other -errno. */
GW_EXPORT_API int gw_export_server_create(const struct gw_export_config *config,
	struct gw_export_server **out, struct gw_export_reason *why);

/* Ends the client's connection (tracking off, see godwit_export.h), joins the thread, unlinks the
 * socket. Not from a callback. *server becomes NULL. */
GW_EXPORT_API void gw_export_server_free(struct gw_export_server **server);

#ifdef __cplusplus
}
#endif
