/* SPDX-License-Identifier: BSD-3-Clause */
/* Questions to a certificate. Pure, but for the time of day. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for an end as gw_cert_date() writes it. */
#define GW_CERT_DATE 16

/* Its alternative names and addresses, "host-a, 192.0.2.1"; without any its subject. For people. */
void gw_cert_names(const X509 *cert, char *buf, size_t size);
/* The common name of who issued it, or "?". */
void gw_cert_issuer(const X509 *cert, char *buf, size_t size);
/* Among the alternative names; name may be an IP address. Neither the subject nor a wildcard
 * counts: who moves guests is one host. */
bool gw_cert_carries(X509 *cert, const char *name);
/* Until this time; negative: it is over. */
int64_t gw_cert_left_s(const ASN1_TIME *end);
/* "2027-12-26" */
void gw_cert_date(const ASN1_TIME *end, char buf[GW_CERT_DATE]);
