/* SPDX-License-Identifier: BSD-3-Clause */
/* Why TLS failed, in words for people, from what OpenSSL has left in its error queue. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* saved_errno: of the call that failed. handshake: it was part of it. */
void gw_tls_why(int saved_errno, bool handshake, char *buf, size_t size);
/* The peer's certificate was found wanting; expect: the name that was wanted, or "". */
void gw_tls_why_refused(X509_STORE_CTX *v, const char *expect, char *buf, size_t size);
/* What came was not TLS at all. */
bool gw_tls_why_clear_text(void);
/* The stream just ended. */
bool gw_tls_why_end(int saved_errno);
