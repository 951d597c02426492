/* SPDX-License-Identifier: BSD-3-Clause */
/* The control thread's event loop: descriptors, timers, and jobs that run on helper threads and
 * complete on the loop. Everything here is called from the control thread only, unless said. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct gw_loop;
struct gw_watch; /* one watched descriptor */
struct gw_timer;
struct gw_job;

int gw_loop_create(struct gw_loop **out);
void gw_loop_free(struct gw_loop **loop); /* waits for running jobs */

/* Runs until gw_loop_stop(); returns 0. gw_loop_stop() may be called from a signal watch or any
 * callback. */
int gw_loop_run(struct gw_loop *loop);
void gw_loop_stop(struct gw_loop *loop);

/* fn(ctx, events) with EPOLLIN/EPOLLOUT/EPOLLHUP/EPOLLERR. The descriptor stays the caller's. A
 * watch may be freed from any callback, its own included. NULL where memory or epoll fails (errno).
 */
struct gw_watch *gw_watch_add(struct gw_loop *loop, int fd, uint32_t events,
        void (*fn)(void *ctx, uint32_t events), void *ctx);
void gw_watch_set(struct gw_watch *watch, uint32_t events);
void gw_watch_free(struct gw_watch **watch);

/* SIGINT/SIGTERM/SIGHUP and so on through signalfd; the signal must be blocked in all threads. */
struct gw_watch *gw_watch_signal(
        struct gw_loop *loop, int signo, void (*fn)(void *ctx, uint32_t signo), void *ctx);

/* A timer is created idle. period_ns 0: once. Setting it again replaces the earlier setting.
 * Resolution is that of epoll_pwait2 (nanoseconds): 100 us periods work. */
struct gw_timer *gw_timer_create(struct gw_loop *loop, void (*fn)(void *ctx), void *ctx);
void gw_timer_set(struct gw_timer *timer, uint64_t delay_ns, uint64_t period_ns);
void gw_timer_stop(struct gw_timer *timer);
void gw_timer_free(struct gw_timer **timer);

/* A job: work(arg) on its own thread (CPU affinity, nice and slice: what the thread that created
 * the loop had then), then done(arg) on the control thread. cancel asks: work polls
 * gw_job_cancelled(); done is still called (gw_job_wait_all() calls it for what still runs, and so
 * does gw_loop_free()). The job is gone once done returns. NULL where no thread can be had. */
struct gw_job *gw_job_start(struct gw_loop *loop, void (*work)(struct gw_job *job, void *arg),
        void (*done)(void *arg), void *arg);
void gw_job_cancel(struct gw_job *job);
bool gw_job_cancelled(const struct gw_job *job); /* any thread */
void gw_job_wait_all(struct gw_loop *loop);      /* none runs any more, and each is done */
uint32_t gw_job_cpus(const struct gw_loop *loop); /* that jobs may run on */
