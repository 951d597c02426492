/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls_cert.h"

#include "expiry.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void add(char *buf, size_t size, const char *text, size_t n)
{
	size_t have = strlen(buf);

	if (have >= size)
		return;
	snprintf(buf + have, size - have, "%s%.*s", have > 0 ? ", " : "", (int)n, text);
	/* Whatever somebody put into a certificate goes to logs and into JSON. */
	for (char *p = buf + have; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			*p = '?';
}

static void add_address(char *buf, size_t size, const ASN1_OCTET_STRING *ip)
{
	int n = ASN1_STRING_length(ip);
	char text[INET6_ADDRSTRLEN] = "?";

	if (n == 4 || n == 16)
		inet_ntop(
			n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text, sizeof(text));
	add(buf, size, text, strlen(text));
}

static void common_name(const X509_NAME *name, char *buf, size_t size)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const ASN1_STRING *s;

	buf[0] = '\0';
	if (at >= 0) {
		s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
		add(buf, size, (const char *)ASN1_STRING_get0_data(s),
			(size_t)ASN1_STRING_length(s));
	}
	if (buf[0] == '\0')
		snprintf(buf, size, "?");
}

void gw_cert_names(const X509 *cert, char *buf, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	buf[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type == GEN_DNS)
			add(buf, size, (const char *)ASN1_STRING_get0_data(n->d.dNSName),
				(size_t)ASN1_STRING_length(n->d.dNSName));
		else if (n->type == GEN_IPADD)
			add_address(buf, size, n->d.iPAddress);
	}
	GENERAL_NAMES_free(names);
	if (buf[0] == '\0')
		common_name(X509_get_subject_name(cert), buf, size);
}

void gw_cert_issuer(const X509 *cert, char *buf, size_t size)
{
	common_name(X509_get_issuer_name(cert), buf, size);
}

bool gw_cert_carries(X509 *cert, const char *name)
{
	return X509_check_ip_asc(cert, name, 0) == 1 ||
	       X509_check_host(cert, name, 0,
		       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS,
		       NULL) == 1;
}

int64_t gw_cert_left_s(const ASN1_TIME *end)
{
	int days = 0, seconds = 0;

	/* A time that cannot be read is over. */
	if (ASN1_TIME_diff(&days, &seconds, NULL, end) != 1)
		return -1;
	return (int64_t)days * GW_EXPIRY_DAY_S + seconds;
}

void gw_cert_date(const ASN1_TIME *end, char buf[GW_CERT_DATE])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(end, &tm) != 1 || strftime(buf, GW_CERT_DATE, "%Y-%m-%d", &tm) == 0)
		snprintf(buf, GW_CERT_DATE, "?");
}
