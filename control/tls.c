/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls.h"

#include "tls_cert.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CIPHERS "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define MAX_CHAIN_BYTES 32768
#define MAX_DEPTH 4

/* What tells one version of a file from the next. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec written;
};

enum { CA, CERTIFICATE, KEY, CRL, FILES };

struct gw_tls {
	struct gw_tls_conf conf;
	SSL_CTX *ctx;
	struct stamp tried[FILES]; /* the last that were looked at, good or not */
};

static const char *const keys[FILES] = {"tls.ca", "tls.certificate", "tls.key", "tls.crl"};

static const char *file_of(const struct gw_tls *tls, int i)
{
	const char *const files[FILES] = {
		tls->conf.ca, tls->conf.certificate, tls->conf.key, tls->conf.crl};

	return files[i];
}

/* What OpenSSL has to say, in its own words. */
static int refused(int i, const char *file, struct gw_err *err)
{
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);
	int rc = ERR_GET_LIB(code) == ERR_LIB_SYS ? -ERR_GET_REASON(code) : -EINVAL;

	gw_err(err, rc, "%s: %s: %s", keys[i], file,
		rc != -EINVAL    ? strerror(-rc)
		: reason != NULL ? reason
				 : "not usable");
	ERR_clear_error();
	return rc;
}

/* Nobody types it for a daemon. */
static int no_password(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static int load_key(SSL_CTX *ctx, const char *file, struct gw_err *err)
{
	struct stat st;

	if (stat(file, &st) != 0)
		return gw_err(err, -errno, "%s: %s: %s", keys[KEY], file, strerror(errno));
	if ((st.st_mode & S_IRWXO) != 0)
		return gw_err(err, -EPERM,
			"%s: %s: mode %04o lets anybody at it; allowed: no access for others "
			"(chmod 600)",
			keys[KEY], file, (unsigned int)(st.st_mode & 07777));
	if (SSL_CTX_use_PrivateKey_file(ctx, file, SSL_FILETYPE_PEM) != 1) {
		/* The certificate is loaded first, so a key of another one is found out here. */
		if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH) {
			ERR_clear_error();
			return gw_err(err, -EINVAL, "%s: %s: not the key of tls.certificate",
				keys[KEY], file);
		}
		return refused(KEY, file, err);
	}
	return 0;
}

static int load_crl(SSL_CTX *ctx, const char *file, struct gw_err *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

	if (lookup == NULL || X509_load_crl_file(lookup, file, X509_FILETYPE_PEM) < 1)
		return refused(CRL, file, err);
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	return 0;
}

static void configure(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_ciphersuites(ctx, CIPHERS);
	/* Every connection proves its identity anew: a revoked host has nothing to resume. */
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
	/* A connection's queue grows and moves between two attempts to write its head. */
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* tls.ca is what this host believes, not what it shows. */
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_max_cert_list(ctx, MAX_CHAIN_BYTES);
	SSL_CTX_set_verify_depth(ctx, MAX_DEPTH);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	/* The authority may itself be one that a larger one has certified. */
	X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN);
}

static int load(const struct gw_tls_conf *c, SSL_CTX **out, struct gw_err *err)
{
	SSL_CTX *ctx;
	int rc = 0;

	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_method());
	if (ctx == NULL)
		return gw_err(err, -ENOMEM, "tls: out of memory");
	configure(ctx);
	if (SSL_CTX_load_verify_file(ctx, c->ca) != 1)
		rc = refused(CA, c->ca, err);
	else if (SSL_CTX_use_certificate_chain_file(ctx, c->certificate) != 1)
		rc = refused(CERTIFICATE, c->certificate, err);
	if (rc == 0)
		rc = load_key(ctx, c->key, err);
	if (rc == 0 && c->crl != NULL)
		rc = load_crl(ctx, c->crl, err);
	if (rc != 0)
		SSL_CTX_free(ctx);
	else
		*out = ctx;
	return rc;
}

/* use: "ssl_client" or "ssl_server", as OpenSSL calls it in a handshake; NULL: any. chain: what it
 * was found to lead to, the caller's; or NULL. */
static int verify(
	SSL_CTX *ctx, X509 *cert, STACK_OF(X509) * along, const char *use, STACK_OF(X509) * *chain)
{
	X509_STORE_CTX *v = X509_STORE_CTX_new();
	int rc = X509_V_ERR_OUT_OF_MEM;

	if (v != NULL && X509_STORE_CTX_init(v, SSL_CTX_get_cert_store(ctx), cert, along) == 1 &&
		(use == NULL || X509_STORE_CTX_set_default(v, use) == 1)) {
		rc = X509_verify_cert(v) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(v);
		if (chain != NULL)
			*chain = X509_STORE_CTX_get1_chain(v);
	}
	X509_STORE_CTX_free(v);
	ERR_clear_error();
	return rc;
}

/* As a peer would look at it. */
static int verify_own(SSL_CTX *ctx, const char *use, STACK_OF(X509) * *chain)
{
	STACK_OF(X509) *along = NULL;

	SSL_CTX_get0_chain_certs(ctx, &along);
	return verify(ctx, SSL_CTX_get0_certificate(ctx), along, use, chain);
}

int gw_tls_verify(const struct gw_tls *tls, struct x509_st *cert, struct stack_st_X509 *along)
{
	return verify(tls->ctx, cert, along, NULL, NULL);
}

/* A host connects and is connected to. Of the first use for which it does not do, what a person has
 * to know of it. */
static int verify_uses(SSL_CTX *ctx, const char **use)
{
	int rc = verify_own(ctx, "ssl_server", NULL);

	*use = " (as a server's)";
	if (rc == X509_V_OK) {
		*use = " (as a client's)";
		rc = verify_own(ctx, "ssl_client", NULL);
	}
	return rc;
}

static int check(const struct gw_tls_conf *c, SSL_CTX *ctx, struct gw_err *err)
{
	X509 *cert = SSL_CTX_get0_certificate(ctx);
	char names[256], issuer[128];
	const char *use;
	int rc = verify_uses(ctx, &use);

	gw_cert_names(cert, names, sizeof(names));
	gw_cert_issuer(cert, issuer, sizeof(issuer));
	if (rc != X509_V_OK)
		return gw_err(err, -EKEYREJECTED,
			"tls.certificate: %s (for %s, issued by '%s'): peers will refuse it: %s%s",
			c->certificate, names, issuer, X509_verify_cert_error_string(rc),
			rc == X509_V_ERR_INVALID_PURPOSE ? use : "");
	if (c->name != NULL && !gw_cert_carries(cert, c->name))
		return gw_err(err, -EKEYREJECTED,
			"tls.certificate: %s: peers will refuse it: it is for %s, not for this "
			"host's name '%s'",
			c->certificate, names, c->name);
	return 0;
}

static void look(const struct gw_tls *tls, struct stamp out[FILES])
{
	struct stat st;

	memset(out, 0, sizeof(*out) * FILES);
	for (int i = 0; i < FILES; i++) {
		if (file_of(tls, i) == NULL || stat(file_of(tls, i), &st) != 0)
			continue;
		out[i].dev = st.st_dev;
		out[i].ino = st.st_ino;
		out[i].size = st.st_size;
		out[i].written = st.st_mtim;
	}
}

int gw_tls_create(const struct gw_tls_conf *conf, struct gw_tls **out, struct gw_err *err)
{
	struct gw_tls *tls = calloc(1, sizeof(*tls));
	int rc;

	if (tls == NULL)
		return gw_err(err, -ENOMEM, "tls: out of memory");
	tls->conf = *conf;
	look(tls, tls->tried);
	rc = load(conf, &tls->ctx, err);
	if (rc != 0)
		free(tls);
	else
		*out = tls;
	return rc;
}

void gw_tls_free(struct gw_tls **tls)
{
	if (*tls == NULL)
		return;
	SSL_CTX_free((*tls)->ctx);
	free(*tls);
	*tls = NULL;
}

int gw_tls_reload(struct gw_tls *tls, bool in_any_case, struct gw_err *err)
{
	struct stamp now[FILES];
	SSL_CTX *ctx = NULL;
	int rc;

	look(tls, now);
	if (!in_any_case && memcmp(now, tls->tried, sizeof(now)) == 0)
		return 0;
	memcpy(tls->tried, now, sizeof(now));
	rc = load(&tls->conf, &ctx, err);
	if (rc == 0)
		rc = check(&tls->conf, ctx, err);
	if (rc != 0) {
		SSL_CTX_free(ctx);
		return rc;
	}
	/* Connections that exist hold the old one. */
	SSL_CTX_free(tls->ctx);
	tls->ctx = ctx;
	return 1;
}

int gw_tls_check(const struct gw_tls *tls, struct gw_err *err)
{
	return check(&tls->conf, tls->ctx, err);
}

/* The end that comes first among those of the list. */
static void sooner(struct gw_tls_end *e, const ASN1_TIME *end)
{
	int64_t left_s = end != NULL ? gw_cert_left_s(end) : INT64_MAX;

	if (left_s >= e->left_s)
		return;
	e->left_s = left_s;
	gw_cert_date(end, e->date);
}

static void authority_end(const struct gw_tls *tls, struct gw_tls_end *e)
{
	STACK_OF(X509) *chain = NULL;

	verify_own(tls->ctx, NULL, &chain);
	for (int i = 1; i < sk_X509_num(chain); i++)
		sooner(e, X509_get0_notAfter(sk_X509_value(chain, i)));
	sk_X509_pop_free(chain, X509_free);
}

static void crl_end(const struct gw_tls *tls, struct gw_tls_end *e)
{
	X509_STORE *store = SSL_CTX_get_cert_store(tls->ctx);
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		const X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(all, i));

		if (crl != NULL)
			sooner(e, X509_CRL_get0_nextUpdate(crl));
	}
}

void gw_tls_end(const struct gw_tls *tls, enum gw_tls_part part, struct gw_tls_end *out)
{
	static const int files[GW_TLS_PARTS] = {CERTIFICATE, CA, CRL};

	*out = (struct gw_tls_end){.key = keys[files[part]],
		.file = file_of(tls, files[part]),
		.left_s = INT64_MAX,
		.date = "never"};
	if (part == GW_TLS_CERTIFICATE)
		sooner(out, X509_get0_notAfter(SSL_CTX_get0_certificate(tls->ctx)));
	else if (part == GW_TLS_CA)
		authority_end(tls, out);
	else if (out->file != NULL)
		crl_end(tls, out);
}

void gw_tls_names(const struct gw_tls *tls, char *buf, size_t size)
{
	gw_cert_names(SSL_CTX_get0_certificate(tls->ctx), buf, size);
}

struct ssl_ctx_st *gw_tls_context(const struct gw_tls *tls)
{
	return tls->ctx;
}
