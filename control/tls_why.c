/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls_why.h"

#include "tls_cert.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

/* What a peer's alert means here (RFC 8446, 6.2). */
static const struct {
	int alert;
	const char *text;
} alerts[] = {
	{SSL_AD_HANDSHAKE_FAILURE, "it found no common ciphers: TLS 1.3 with AES-GCM or ChaCha20"},
	{SSL_AD_BAD_CERTIFICATE,
		"it refuses this host's certificate: it is not for the name that the peer "
		"expects here"},
	{SSL_AD_UNSUPPORTED_CERTIFICATE,
		"it refuses this host's certificate: not made for this use (server and client)"},
	{SSL_AD_CERTIFICATE_REVOKED, "it refuses this host's certificate: revoked"},
	{SSL_AD_CERTIFICATE_EXPIRED,
		"it refuses this host's certificate: expired or not yet valid"},
	{SSL_AD_CERTIFICATE_UNKNOWN, "it refuses this host's certificate: not acceptable"},
	{SSL_AD_UNKNOWN_CA,
		"it refuses this host's certificate: its tls.ca does not have the authority that "
		"issued it"},
	{SSL_AD_ACCESS_DENIED, "it denies access"},
	{SSL_AD_DECRYPT_ERROR, "it cannot verify this host's signature"},
	{SSL_AD_PROTOCOL_VERSION, "no common TLS version: this host speaks TLS 1.3 only"},
	{TLS13_AD_CERTIFICATE_REQUIRED, "it wants a certificate, and this host sent none"},
};

static void alert_text(int alert, char *buf, size_t size)
{
	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (alerts[i].alert == alert) {
			snprintf(buf, size, "%s", alerts[i].text);
			return;
		}
	snprintf(buf, size, "it ended the TLS connection: alert %d, %s", alert,
		SSL_alert_desc_string_long(alert));
}

bool gw_tls_why_clear_text(void)
{
	unsigned long code = ERR_peek_error();

	if (ERR_GET_LIB(code) != ERR_LIB_SSL)
		return false;
	switch (ERR_GET_REASON(code)) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_BAD_RECORD_TYPE:
		return true;
	default:
		return false;
	}
}

bool gw_tls_why_end(int saved_errno)
{
	unsigned long code = ERR_peek_error();

	return (code == 0 && saved_errno == 0) ||
	       (ERR_GET_LIB(code) == ERR_LIB_SSL &&
		       ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
}

void gw_tls_why(int saved_errno, bool handshake, char *buf, size_t size)
{
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_REASON(code);
	const char *text = ERR_reason_error_string(code);

	if (gw_tls_why_end(saved_errno))
		snprintf(buf, size, "it ended the connection in the TLS handshake%s",
			handshake ? "; is `security` off there?" : "");
	else if (ERR_GET_LIB(code) != ERR_LIB_SSL)
		snprintf(buf, size, "%s",
			saved_errno != 0 ? strerror(saved_errno)
			: text != NULL   ? text
					 : "TLS failed");
	else if (reason > SSL_AD_REASON_OFFSET)
		alert_text(reason - SSL_AD_REASON_OFFSET, buf, size);
	else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
		snprintf(buf, size, "it has no certificate");
	else if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_NO_PROTOCOLS_AVAILABLE)
		snprintf(buf, size, "it wants a TLS older than 1.3, and nothing older is spoken");
	else
		snprintf(buf, size, "TLS: %s", text != NULL ? text : "failed");
}

void gw_tls_why_refused(X509_STORE_CTX *v, const char *expect, char *buf, size_t size)
{
	int code = X509_STORE_CTX_get_error(v);
	const X509 *cert = X509_STORE_CTX_get0_cert(v);
	char names[160] = "?", issuer[80] = "?", date[GW_CERT_DATE] = "?";

	if (cert != NULL) {
		gw_cert_names(cert, names, sizeof(names));
		gw_cert_issuer(cert, issuer, sizeof(issuer));
		gw_cert_date(X509_get0_notAfter(cert), date);
	}
	switch (code) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		snprintf(buf, size, "its certificate is for %s, not for '%s'", names, expect);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		snprintf(buf, size, "its certificate (for %s) is refused: %s: %s", names,
			X509_verify_cert_error_string(code), date);
		break;
	default:
		snprintf(buf, size, "its certificate (for %s, issued by '%s') is refused: %s",
			names, issuer, X509_verify_cert_error_string(code));
		break;
	}
}
