/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * This host's credentials: certificate, key, the authorities that it believes, and what they have
 * revoked. Read from files, and read again when they change, without a restart: connections that
 * are made afterwards use the new ones. TLS 1.3 alone, certificates at both ends, no resumption.
 */
#pragma once

#include "../dataplane/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct gw_tls;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

struct gw_tls_conf {
	const char *ca, *certificate, *key; /* PEM files */
	const char *crl;                    /* NULL: none */
	const char *name;                   /* what the certificate has to carry; NULL: anything */
};

/* conf's texts must live as long. Where the files cannot be used: a negative errno, and err names
 * the file. */
int gw_tls_create(const struct gw_tls_conf *conf, struct gw_tls **out, struct gw_err *err);
void gw_tls_free(struct gw_tls **tls);

/* Looks at the files again, if they look new (or in any case): 1: they are in use; 0: nothing new;
 * negative: what is in them is of no use, err says why, the old ones stay. That is said once for
 * each change of the files. */
int gw_tls_reload(struct gw_tls *tls, bool in_any_case, struct gw_err *err);

/* Why peers with this host's authorities would refuse its certificate: 0, or -EKEYREJECTED. */
int gw_tls_check(const struct gw_tls *tls, struct gw_err *err);

enum gw_tls_part { GW_TLS_CERTIFICATE, GW_TLS_CA, GW_TLS_CRL, GW_TLS_PARTS };
struct gw_tls_end {
	const char *key;  /* of the configuration: "tls.certificate" */
	const char *file; /* NULL: there is none */
	int64_t left_s;   /* until it ends; negative: over */
	char date[16];    /* of its end */
};
/* Of the authority: the one that issued this host's certificate. */
void gw_tls_end(const struct gw_tls *tls, enum gw_tls_part part, struct gw_tls_end *out);
/* The names in the certificate, for people. */
void gw_tls_names(const struct gw_tls *tls, char *buf, size_t size);

/* For transport_tls.c: of new connections. */
struct ssl_ctx_st *gw_tls_context(const struct gw_tls *tls);
/* An X509_V_ code: of a certificate with those that came along. */
struct x509_st;
struct stack_st_X509;
int gw_tls_verify(const struct gw_tls *tls, struct x509_st *cert, struct stack_st_X509 *along);
