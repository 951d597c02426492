/* SPDX-License-Identifier: BSD-3-Clause */
/* Log lines to stderr: with the time, or, under systemd (JOURNAL_STREAM), with the <N> priority
 * prefix that journald reads. Never called from a poll path. */
#pragma once

enum gw_log_level { GW_LOG_ERROR = 3, GW_LOG_WARN = 4, GW_LOG_INFO = 6, GW_LOG_DEBUG = 7 };

/* Lines above this level are dropped; the default is GW_LOG_INFO. */
void gw_log_set_level(enum gw_log_level level);

/* Writes one line; a newline is added. Safe from any thread. */
void gw_log(enum gw_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define gw_error(...) gw_log(GW_LOG_ERROR, __VA_ARGS__)
#define gw_warn(...) gw_log(GW_LOG_WARN, __VA_ARGS__)
#define gw_info(...) gw_log(GW_LOG_INFO, __VA_ARGS__)
#define gw_debug(...) gw_log(GW_LOG_DEBUG, __VA_ARGS__)
