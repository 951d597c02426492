/* SPDX-License-Identifier: BSD-3-Clause */
#include "value.h"
#include "config.h"
#include "options.h"
#include "private.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 63
#define DEVICE_MAX_BYTES 500

/* Only letters, digits and what also names. */
static bool made_of(const char *text, const char *also)
{
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && strchr(also, *text) == NULL)
			return false;
	return true;
}

int gw_value_uint(const char *text, uint64_t *out)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 18 || text[n] != '\0' || (n > 1 && text[0] == '0'))
		return -EINVAL;
	*out = strtoull(text, NULL, 10);
	return 0;
}

int gw_value_bool(const char *text, bool *out)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return -EINVAL;
	*out = text[0] == 't';
	return 0;
}

int gw_value_rate(const char *text, uint64_t *out_bps)
{
	static const char units[] = "KMGT";
	size_t whole = strspn(text, "0123456789"), digits = 0;
	const char *p = text + whole, *fraction = p, *unit;
	uint64_t scale = 1, value = 0;

	if (whole == 0 || whole > 13)
		return -EINVAL;
	if (*p == '.') {
		fraction = ++p;
		digits = strspn(p, "0123456789");
		if (digits == 0 || digits > 9)
			return -EINVAL;
		p += digits;
	}
	if (*p != '\0') {
		unit = strchr(units, *p);
		if (unit == NULL || p[1] != '\0')
			return -EINVAL;
		for (const char *u = units; u <= unit; u++)
			scale *= 1000;
	}
	for (size_t i = 0; i < whole; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	if (__builtin_mul_overflow(value, scale, &value))
		return -EINVAL;
	for (size_t i = 0; i < digits; i++) {
		/* A fraction of a bit per second is a typing error, not a rate. */
		if (scale % 10 != 0)
			return -EINVAL;
		scale /= 10;
		if (__builtin_add_overflow(value, scale * (uint64_t)(fraction[i] - '0'), &value))
			return -EINVAL;
	}
	*out_bps = value;
	return 0;
}

int gw_value_ip(const char *text, struct gw_ip *out)
{
	struct gw_ip ip;
	uint32_t v4;

	if (!gw_ip_from_text(text, &ip))
		return -EINVAL;
	v4 = gw_ip_v4(&ip);
	/* This network, loopback, multicast and above are no host's addresses. */
	if (gw_ip_is_v4(&ip) ? v4 >> 24 == 0 || v4 >> 24 == 127 || v4 >> 28 >= 14
			     : !gw_ip_is_v6_host(&ip))
		return -EINVAL;
	*out = ip;
	return 0;
}

/* A subnet's first address is no host's, nor IPv4's last, but one of two has just its ends (RFC
 * 3021, 6164). */
static bool is_subnets_own(const struct gw_ip *ip, uint32_t prefix)
{
	uint32_t bits = gw_ip_prefix_max(ip);
	struct gw_ip host = gw_ip_host_part(ip, prefix);

	return prefix < bits - 1 &&
	       (!gw_ip_is_set(&host) || (bits == 32 && host.low == UINT32_MAX >> prefix));
}

int gw_value_address(const char *text, struct gw_ip *out_ip, uint32_t *out_prefix)
{
	char ip_text[GW_IP_TEXT];
	const char *slash = strchr(text, '/');
	uint64_t prefix;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(ip_text))
		return -EINVAL;
	memcpy(ip_text, text, (size_t)(slash - text));
	ip_text[slash - text] = '\0';
	if (gw_value_ip(ip_text, out_ip) < 0 || gw_value_uint(slash + 1, &prefix) < 0)
		return -EINVAL;
	if (gw_ip_is_v4(out_ip) ? prefix < 8 || prefix > 31 : prefix > 128)
		return -EINVAL;
	if (is_subnets_own(out_ip, (uint32_t)prefix))
		return -EINVAL;
	*out_prefix = (uint32_t)prefix;
	return 0;
}

int gw_value_endpoint(const char *text, enum gw_endpoint *out)
{
	const char *colon = strrchr(text, ':');
	char host[256];
	struct in6_addr v6;
	struct in_addr v4;
	uint64_t port;
	size_t n;

	if (colon == NULL || gw_value_uint(colon + 1, &port) < 0 || port < 1 || port > 65535)
		return -EINVAL;
	n = (size_t)(colon - text);
	if (n == 0 || n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (host[0] == '[') {
		if (host[n - 1] != ']')
			return -EINVAL;
		host[n - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &v6) != 1)
			return -EINVAL;
		*out = gw_private_ipv6(&v6) ? GW_ENDPOINT_PRIVATE : GW_ENDPOINT_PUBLIC;
		return 0;
	}
	if (inet_pton(AF_INET, host, &v4) == 1) {
		*out = gw_private_ipv4(ntohl(v4.s_addr)) ? GW_ENDPOINT_PRIVATE : GW_ENDPOINT_PUBLIC;
		return 0;
	}
	/* Digits and dots that are no address are a mistyped one, not a host name. */
	if (host[strspn(host, "0123456789.")] == '\0' || !made_of(host, ".-") || host[0] == '-')
		return -EINVAL;
	*out = strcmp(host, "localhost") == 0 ? GW_ENDPOINT_PRIVATE : GW_ENDPOINT_NAME;
	return 0;
}

/* [DDDD:]BB:DD.F */
static int pci_address(const char *text, char *id, size_t size)
{
	unsigned int domain = 0, bus, device, function;
	int end = -1;

	if (strspn(text, "0123456789abcdefABCDEF:.") != strlen(text))
		return -EINVAL;
	if (sscanf(text, "%4x:%2x:%2x.%1u%n", &domain, &bus, &device, &function, &end) != 4) {
		domain = 0;
		end = -1;
		if (sscanf(text, "%2x:%2x.%1u%n", &bus, &device, &function, &end) != 3)
			return -EINVAL;
	}
	if (end < 0 || text[end] != '\0' || device > 31 || function > 7)
		return -EINVAL;
	snprintf(id, size, "%04x:%02x:%02x.%u", domain, bus, device, function);
	return 0;
}

int gw_value_device(const char *text, char *id, size_t size)
{
	char name[64];
	size_t n = strcspn(text, ","), prefix = 0;

	if (n == 0 || n >= sizeof(name) || strlen(text) > DEVICE_MAX_BYTES)
		return -EINVAL;
	for (const char *p = text; *p != '\0'; p++)
		if (!isgraph((unsigned char)*p))
			return -EINVAL;
	/* Every argument is key=value; a comma with nothing behind it is a slip. */
	for (const char *p = text + n; *p == ',';) {
		size_t len = strcspn(++p, ",");

		if (memchr(p, '=', len) == NULL || p[0] == '=')
			return -EINVAL;
		p += len;
	}
	memcpy(name, text, n);
	name[n] = '\0';
	if (isxdigit((unsigned char)name[0]) && pci_address(name, id, size) == 0)
		return 0;
	if (strncmp(name, "net_", 4) == 0)
		prefix = 4;
	else if (strncmp(name, "virtio_user", 11) == 0)
		prefix = 11;
	else
		return -EINVAL;
	if (name[prefix] == '\0' || !made_of(name + prefix, "_"))
		return -EINVAL;
	snprintf(id, size, "%s", name);
	return 0;
}

int gw_value_name(const char *text)
{
	if (!isalnum((unsigned char)text[0]) || strlen(text) > NAME_MAX_BYTES)
		return -EINVAL;
	return made_of(text, "._-") ? 0 : -EINVAL;
}

int gw_value_pattern(const char *text)
{
	return text[0] != '\0' && strlen(text) <= NAME_MAX_BYTES && made_of(text, "._-*?[]!^")
		       ? 0
		       : -EINVAL;
}

static int check_rate(const struct gw_option *option, const char *text)
{
	uint64_t bps;

	if (gw_value_rate(text, &bps) < 0 || (bps != 0 && (bps < option->min || bps > option->max)))
		return -EINVAL;
	return 0;
}

static int check_choice(const struct gw_option *option, const char *text)
{
	for (uint32_t i = 0; i < option->n_choices; i++)
		if (strcmp(option->choices[i].str, text) == 0)
			return 0;
	return -EINVAL;
}

int gw_value_check(const struct gw_option *option, const char *text)
{
	uint32_t prefix, id_number;
	struct gw_ip ip;
	enum gw_endpoint endpoint;
	uint64_t number;
	char id[64];
	bool flag;

	switch (option->type) {
	case GW_OPTION_NAME:
		return gw_value_name(text);
	case GW_OPTION_PEER:
		return strcmp(text, GW_CONFIG_ANY_PEER) == 0 ? 0 : gw_value_name(text);
	case GW_OPTION_PATH:
		return text[0] == '/' && strlen(text) <= option->max ? 0 : -EINVAL;
	case GW_OPTION_ENDPOINT:
		return gw_value_endpoint(text, &endpoint);
	case GW_OPTION_DEVICE:
		return gw_value_device(text, id, sizeof(id));
	case GW_OPTION_ADDRESS:
		return gw_value_address(text, &ip, &prefix);
	case GW_OPTION_GATEWAY:
		return gw_value_ip(text, &ip);
	case GW_OPTION_WORD:
	case GW_OPTION_CHOICE:
		return check_choice(option, text);
	case GW_OPTION_BOOL:
		return gw_value_bool(text, &flag);
	case GW_OPTION_RATE:
		return check_rate(option, text);
	case GW_OPTION_UINT:
	case GW_OPTION_CPUS:
		if (gw_value_uint(text, &number) < 0 || number < option->min ||
			number > option->max)
			return -EINVAL;
		return 0;
	case GW_OPTION_USER:
		return gw_value_user(text, &id_number);
	case GW_OPTION_USERS: /* each of the list */
		return gw_value_user(text, &id_number) == 0 && id_number != UINT32_MAX ? 0
										       : -EINVAL;
	case GW_OPTION_GROUP:
		return gw_value_group(text, &id_number);
	case GW_OPTION_MODE:
		return gw_value_mode(text, &id_number);
	case GW_OPTION_ALLOW: /* not one value */
	case GW_OPTION_TYPES:
		break;
	}
	return -EINVAL;
}
