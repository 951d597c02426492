/* SPDX-License-Identifier: BSD-3-Clause */
#include "options_internal.h"

#include "../../config/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int option_bad(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "godwit-bench: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; try --help\n");
	return -EINVAL;
}

static int parse_cpus(struct bench_options *o, const char *text)
{
	char *end;

	for (o->n_cpus = 0;; text = end + 1) {
		unsigned long v = strtoul(text, &end, 10);

		if (end == text || v > 1023 || o->n_cpus == 2 * GW_DP_MAX_WORKERS ||
			(*end != ',' && *end != '\0'))
			return -EINVAL;
		o->cpu[o->n_cpus++] = (uint32_t)v;
		if (*end == '\0')
			return 0;
	}
}

/* "random" or "zero=30,compressible=20" */
static int parse_pattern(struct bench_options *o, const char *text)
{
	char *end;

	o->zero_pct = o->compressible_pct = 0;
	if (strcmp(text, "random") == 0)
		return 0;
	for (;; text = end + 1) {
		bool zero = strncmp(text, "zero=", 5) == 0;
		unsigned long v;

		if (!zero && strncmp(text, "compressible=", 13) != 0)
			return -EINVAL;
		text += zero ? 5 : 13;
		v = strtoul(text, &end, 10);
		if (end == text || v > 100 || (*end != ',' && *end != '\0'))
			return -EINVAL;
		*(zero ? &o->zero_pct : &o->compressible_pct) = (uint32_t)v;
		if (*end == '\0')
			return o->zero_pct + o->compressible_pct <= 100 ? 0 : -EINVAL;
	}
}

static int parse_seconds(const char *text, const struct option_row *r, double *out)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !(v >= r->min) || v > r->max)
		return -EINVAL;
	*out = v;
	return 0;
}

static int parse_number(const char *text, const struct option_row *r, uint32_t *out)
{
	uint64_t v;

	if (gw_value_uint(text, &v) != 0 || v < r->min || v > r->max)
		return -EINVAL;
	*out = (uint32_t)v;
	return 0;
}

int option_take(struct bench_options *o, const struct option_row *r, const char *text)
{
	void *at = (char *)o + r->offset;
	uint32_t prefix;
	struct gw_ip ip;

	switch (r->kind) {
	case NUMBER:
		if (parse_number(text, r, at) != 0)
			return option_bad(
				"--%s %s: %u..%u is allowed", r->name, text, r->min, r->max);
		return 0;
	case SECONDS:
		if (parse_seconds(text, r, at) != 0)
			return option_bad("--%s %s: %u..%u seconds are allowed", r->name, text,
				r->min, r->max);
		return 0;
	case RATE:
		if (strcmp(text, "0") == 0)
			*(uint64_t *)at = 0;
		else if (gw_value_rate(text, at) != 0)
			return option_bad("--%s %s: bit/s such as 10G, 2.5G or 2500M are allowed",
				r->name, text);
		return 0;
	case TEXT:
		*(const char **)at = text;
		return 0;
	case FLAG:
		*(bool *)at = true;
		return 0;
	case DEVICE:
		if (o->n_devices == GW_DP_MAX_PORTS)
			return option_bad("--port: at most %u are allowed", GW_DP_MAX_PORTS);
		o->device[o->n_devices++] = text;
		return 0;
	case ADDRESS:
		if (o->n_devices == 0 || o->address[o->n_devices - 1] != NULL)
			return option_bad(
				"--address %s: it follows the --port that it belongs to", text);
		if (gw_value_address(text, &ip, &prefix) != 0)
			return option_bad(
				"--address %s: a host's address and prefix length, such as "
				"10.0.0.1/24 or fd00::1/64, are allowed",
				text);
		o->address[o->n_devices - 1] = text;
		return 0;
	case CPUS:
		if (parse_cpus(o, text) != 0)
			return option_bad(
				"--cpus %s: CPU numbers separated by commas are allowed", text);
		return 0;
	case INTEGRITY:
		if (!gw_integrity_find(text, &o->integrity))
			return option_bad("--integrity %s: none, crc32c, aes-128-gcm or "
					  "aes-256-gcm are allowed",
				text);
		return 0;
	case PATTERN:
		if (parse_pattern(o, text) != 0)
			return option_bad(
				"--pattern %s: random, or zero=PERCENT,compressible=PERCENT of "
				"together at most 100, are allowed",
				text);
		return 0;
	}
	return -EINVAL;
}
