/* SPDX-License-Identifier: BSD-3-Clause */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c);

	return p == NULL ? -1 : (int)(p - digits);
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
	uint8_t all = 0;

	for (int i = 0; i < 6; i++, text += 3) {
		int high = hex(text[0]), low = high < 0 ? -1 : hex(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
		all |= mac[i];
	}
	return all != 0 && (mac[0] & 1) == 0;
}

static bool parse_ipv4(const char *text, uint8_t ip[4])
{
	return inet_pton(AF_INET, text, ip) == 1 && ip[0] != 0 && ip[0] != 127 && ip[0] < 224;
}

static bool parse_ipv6(const char *text, uint8_t ip[16])
{
	struct in6_addr a;

	if (inet_pton(AF_INET6, text, &a) != 1 || IN6_IS_ADDR_MULTICAST(&a) ||
		IN6_IS_ADDR_UNSPECIFIED(&a) || IN6_IS_ADDR_LOOPBACK(&a) || IN6_IS_ADDR_V4MAPPED(&a))
		return false;
	memcpy(ip, &a, 16);
	return true;
}

int gw_announce_parse(const char *text, struct gw_announce_nic *out)
{
	struct gw_announce_nic nic = {.n_ipv4 = 0};
	char copy[GW_ANNOUNCE_NIC_TEXT], *rest = copy, *word;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	snprintf(copy, sizeof(copy), "%s", text);
	word = strsep(&rest, ",");
	if (!parse_mac(word, nic.mac))
		return -EINVAL;
	while ((word = strsep(&rest, ",")) != NULL) {
		if (nic.n_ipv4 < GW_ANNOUNCE_IPS && parse_ipv4(word, nic.ipv4[nic.n_ipv4]))
			nic.n_ipv4++;
		else if (nic.n_ipv6 < GW_ANNOUNCE_IPS && parse_ipv6(word, nic.ipv6[nic.n_ipv6]))
			nic.n_ipv6++;
		else
			return -EINVAL;
	}
	*out = nic;
	return 0;
}

void gw_announce_print(const struct gw_announce_nic *nic, char out[GW_ANNOUNCE_NIC_TEXT])
{
	const uint8_t *m = nic->mac;
	char ip[INET6_ADDRSTRLEN];
	size_t n = (size_t)snprintf(out, GW_ANNOUNCE_NIC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x",
		m[0], m[1], m[2], m[3], m[4], m[5]);

	for (uint32_t i = 0; i < nic->n_ipv4; i++)
		n += (size_t)snprintf(out + n, GW_ANNOUNCE_NIC_TEXT - n, ",%s",
			inet_ntop(AF_INET, nic->ipv4[i], ip, sizeof(ip)));
	for (uint32_t i = 0; i < nic->n_ipv6; i++)
		n += (size_t)snprintf(out + n, GW_ANNOUNCE_NIC_TEXT - n, ",%s",
			inet_ntop(AF_INET6, nic->ipv6[i], ip, sizeof(ip)));
}

int gw_announce_from_json(const json_t *list, struct gw_announce_nics *out)
{
	struct gw_announce_nics nics = {.n = 0};

	if (list != NULL && (!json_is_array(list) || json_array_size(list) > GW_ANNOUNCE_NICS))
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL || gw_announce_parse(text, &nics.nic[nics.n++]) != 0)
			return -EINVAL;
	}
	*out = nics;
	return 0;
}

json_t *gw_announce_to_json(const struct gw_announce_nics *nics)
{
	json_t *list = json_array();
	char text[GW_ANNOUNCE_NIC_TEXT];

	for (uint32_t i = 0; i < nics->n; i++) {
		gw_announce_print(&nics->nic[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}
