/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated host with its godwitd: the daemon's data plane (plane.h) and its control thread's own
 * code, from the manager down. It can be killed at any moment and started again. */
#pragma once

#include "../../control/manager.h"
#include "guest.h"
#include "plane.h"

#define SIM_MAX_HOSTS 6u

struct sim_host_conf {
	struct sim_plane_conf plane;
	bool verify;
	uint32_t blackout_limit_ms, max_total_s, min_epoch_ms, sync_timeout_ms, peer_timeout_ms,
		ports_down_timeout_ms;
	uint32_t max_slowdown_percent;
	enum gw_config_on_slowdown_limit on_slowdown_limit;
	bool switch_on_limit;
	bool hooks, hook_required;
};

void sim_hosts_reset(void);
uint32_t sim_host_add(const struct sim_host_conf *conf); /* its number; nothing runs there yet */
uint32_t sim_hosts(void);
void sim_daemon_start(uint32_t host);
void sim_daemon_kill(uint32_t host);
/* It gets no CPU for so long: its control thread alone, or all of it. */
void sim_daemon_away(uint32_t host, uint64_t ns, bool all);
bool sim_daemon_alive(uint32_t host);
/* Sessions that are not over; 0 where the daemon is dead. */
uint32_t sim_daemon_sessions(uint32_t host);
/* Whether a session of this VM is there, or about to be. */
bool sim_daemon_has(uint32_t host, const char *vm);
struct gw_dp *sim_daemon_dp(uint32_t host); /* NULL where it is dead */
void sim_daemon_migrate(uint32_t host, struct sim_vm *vm, uint32_t to);
void sim_daemon_abort(uint32_t host, const char *vm);
/* What became of sessions: results of both ends so far, by enum gw_result. */
extern uint32_t sim_results[4];
