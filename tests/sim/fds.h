/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors that exist only in the simulation: what is ready on them is said by whoever made
 * them, and the simulated loop's watches hear of it. */
#pragma once

#include <stdint.h>

#define SIM_FD_BASE (1 << 20)

void sim_fds_reset(void);
int sim_fd_new(void);
/* EPOLLIN, EPOLLOUT, ...: level-triggered. Fires delay_ns from now where a watch wants it. */
void sim_fd_ready(int fd, uint32_t events, uint64_t delay_ns);
void sim_fd_not_ready(int fd, uint32_t events);

struct gw_loop;
/* Its thread gets no CPU for so long. */
void sim_loop_away(struct gw_loop *loop, uint64_t ns);
/* The process of this loop dies: no timer, job or descriptor of it is heard any more. */
void sim_loop_kill(struct gw_loop *loop);
