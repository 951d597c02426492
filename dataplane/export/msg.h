/* SPDX-License-Identifier: BSD-3-Clause */
/* One packet with descriptors over a SOCK_SEQPACKET socket; used by both ends. */
#pragma once

#include <stddef.h>

/* The ring memfd and every region. */
#define GW_MSG_MAX_FDS 17u

/* 0, -EAGAIN (socket full), -EPIPE (the peer is gone), other -errno. The descriptors stay the
 * caller's. */
int gw_msg_send(int sock, const void *msg, size_t len, const int *fds, unsigned int n_fds);

/* Reads one packet of at most cap bytes and GW_MSG_MAX_FDS descriptors, which become the caller's
 * (O_CLOEXEC). 1, 0: nothing now, -EPIPE: the peer is gone, -EMSGSIZE: packet or descriptors cut
 * off (the descriptors are closed), other -errno. */
int gw_msg_recv(
        int sock, void *buf, size_t cap, size_t *len, int fds[GW_MSG_MAX_FDS], unsigned int *n_fds);
