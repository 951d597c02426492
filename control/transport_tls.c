/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport_tls.h"

#include "tls.h"
#include "tls_cert.h"
#include "tls_why.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORD_HANDSHAKE 0x16 /* the first byte of a TLS connection */
#define EXPECT_MAX 256
#define DRAIN_BYTES 4096
#define DRAIN_ROUNDS 16

struct state {
	SSL *ssl;
	bool server, greeted, up, broken;
	char expect[EXPECT_MAX];
	char why[GW_ERR_TEXT]; /* "": nothing went wrong */
};

static int clear_text(struct state *s, struct gw_err *err)
{
	s->broken = true;
	return gw_err(err, -EPROTONOSUPPORT,
		"it speaks in the clear: `security` is off there and on here");
}

/* Handshake, read and write fail alike. */
static int failed(struct state *s, int saved_errno)
{
	s->broken = true;
	if (s->why[0] == '\0')
		gw_tls_why(saved_errno, !s->up, s->why, sizeof(s->why));
	ERR_clear_error();
	return saved_errno != 0 && s->up ? -saved_errno : -EPROTO;
}

/* The first byte of a client: TLS, or a message in the clear. */
static int first_byte(const struct gw_transport *t, struct state *s, struct gw_err *err)
{
	uint8_t byte;
	ssize_t n = recv(t->fd, &byte, 1, MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (n == 1 && byte != RECORD_HANDSHAKE)
		return clear_text(s, err);
	s->greeted = true;
	return 0;
}

static int tls_establish(struct gw_transport *t, uint32_t *events, struct gw_err *err)
{
	struct state *s = t->state;
	int rc = gw_transport_tcp_connected(t), saved;

	if (rc != 0 && rc != -EAGAIN)
		return gw_err(err, rc, "%s", strerror(-rc));
	*events = rc != 0 ? EPOLLOUT : EPOLLIN;
	if (rc == 0 && s->server && !s->greeted)
		rc = first_byte(t, s, err);
	if (rc != 0)
		return rc;
	ERR_clear_error();
	errno = 0;
	rc = SSL_do_handshake(s->ssl);
	saved = errno;
	if (rc == 1) {
		s->up = true;
		return 0;
	}
	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		*events = EPOLLOUT;
		return -EAGAIN;
	default:
		break;
	}
	if (gw_tls_why_clear_text())
		return clear_text(s, err);
	rc = failed(s, saved);
	return gw_err(err, rc, "%s", s->why);
}

static ssize_t tls_read(struct gw_transport *t, void *buf, size_t n)
{
	struct state *s = t->state;
	size_t got = 0;
	int rc, saved;

	t->read_waits = false;
	ERR_clear_error();
	errno = 0;
	rc = SSL_read_ex(s->ssl, buf, n, &got);
	saved = errno;
	if (rc == 1)
		return (ssize_t)got;
	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		t->read_waits = true;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		break;
	}
	if (gw_tls_why_end(saved)) {
		/* No farewell, as from a process that died; messages have lengths of their own. */
		s->broken = true;
		ERR_clear_error();
		return 0;
	}
	return failed(s, saved);
}

static ssize_t tls_write(struct gw_transport *t, const void *buf, size_t n)
{
	struct state *s = t->state;
	size_t put = 0;
	int rc, saved;

	ERR_clear_error();
	errno = 0;
	rc = SSL_write_ex(s->ssl, buf, n, &put);
	saved = errno;
	if (rc == 1)
		return (ssize_t)put;
	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	default:
		break;
	}
	/* What the peer said before it went is still to be read. */
	ERR_clear_error();
	return saved != 0 ? -saved : -EPIPE;
}

static bool tls_pending(const struct gw_transport *t)
{
	const struct state *s = t->state;

	return !s->broken && SSL_pending(s->ssl) > 0;
}

static const char *tls_reason(const struct gw_transport *t)
{
	const struct state *s = t->state;

	return s->why[0] != '\0' ? s->why : NULL;
}

static int tls_identity(const struct gw_transport *t, const char *name, struct gw_err *err)
{
	const struct state *s = t->state;
	X509 *cert = SSL_get0_peer_certificate(s->ssl);
	char names[256] = "nobody";

	if (cert != NULL && gw_cert_carries(cert, name))
		return 0;
	if (cert != NULL)
		gw_cert_names(cert, names, sizeof(names));
	return gw_err(
		err, -EKEYREJECTED, "it calls itself '%s', its certificate is for %s", name, names);
}

static int tls_trusted(const struct gw_transport *t, const struct gw_tls *tls, struct gw_err *err)
{
	const struct state *s = t->state;
	int code = gw_tls_verify(
		tls, SSL_get0_peer_certificate(s->ssl), SSL_get_peer_cert_chain(s->ssl));

	return code == X509_V_OK
		       ? 0
		       : gw_err(err, -EKEYREJECTED, "%s", X509_verify_cert_error_string(code));
}

static int64_t tls_left_s(const struct gw_transport *t)
{
	const struct state *s = t->state;
	const X509 *cert = SSL_get0_peer_certificate(s->ssl);

	return cert != NULL ? gw_cert_left_s(X509_get0_notAfter(cert)) : INT64_MAX;
}

static int tls_export(const struct gw_transport *t, const char *label, uint8_t *out, size_t len)
{
	const struct state *s = t->state;
	int rc = s->up ? SSL_export_keying_material(
				 s->ssl, out, len, label, strlen(label), NULL, 0, 0)
		       : 0;

	ERR_clear_error();
	return rc == 1 ? 0 : -EPROTO;
}

/* What has come and was not read would make close(2) send a reset, which may overtake the alert
 * that says why. */
static void drain(int fd)
{
	char bytes[DRAIN_BYTES];

	shutdown(fd, SHUT_WR);
	for (int i = 0; i < DRAIN_ROUNDS; i++)
		if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0)
			break;
}

static void tls_close(struct gw_transport *t)
{
	struct state *s = t->state;

	if (t->fd >= 0) {
		if (s->up && !s->broken)
			SSL_shutdown(s->ssl);
		drain(t->fd);
		close(t->fd);
	}
	t->fd = -1;
	t->state = NULL;
	if (s != NULL)
		SSL_free(s->ssl);
	free(s);
	ERR_clear_error();
}

static const struct gw_transport_ops tls_ops = {tls_establish, tls_read, tls_write, tls_pending,
	tls_reason, tls_identity, tls_trusted, tls_left_s, tls_export, tls_close};

/* While the peer's certificate is at hand: a refused one is not kept. */
static int on_verify(int good, X509_STORE_CTX *v)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(v, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct state *s = SSL_get_app_data(ssl);

	if (!good && s->why[0] == '\0')
		gw_tls_why_refused(v, s->expect, s->why, sizeof(s->why));
	return good;
}

static int expect(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1)
		return 1;
	ERR_clear_error();
	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, name, 0);
}

int gw_transport_secure(struct gw_transport *t, const struct gw_tls *tls, const char *name)
{
	struct state *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->server = name == NULL;
	s->ssl = SSL_new(gw_tls_context(tls));
	if (s->ssl == NULL || SSL_set_fd(s->ssl, t->fd) != 1)
		goto fail;
	SSL_set_app_data(s->ssl, s);
	SSL_set_verify(s->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
	if (s->server) {
		SSL_set_accept_state(s->ssl);
	} else {
		snprintf(s->expect, sizeof(s->expect), "%s", name);
		SSL_set_connect_state(s->ssl);
		if (expect(s->ssl, name) != 1)
			goto fail;
	}
	t->ops = &tls_ops;
	t->state = s;
	t->secure = true;
	return 0;
fail:
	SSL_free(s->ssl);
	free(s);
	ERR_clear_error();
	return -ENOMEM;
}
