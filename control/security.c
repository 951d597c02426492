/* SPDX-License-Identifier: BSD-3-Clause */
#include "security.h"

#include "../dataplane/base/clock.h"
#include "../dataplane/base/log.h"
#include "expiry.h"
#include "message.h"
#include "tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS (5 * GW_NS_PER_S)
#define AGAIN_NS (3600 * GW_NS_PER_S) /* files that were of no use: a clock may be wrong */
#define DAY_NS (24 * 3600 * GW_NS_PER_S)

struct gw_security {
	struct gw_tls *tls; /* NULL: off */
	struct gw_timer *timer;
	uint64_t warned_ns, failed_ns;
	char error[GW_ERR_TEXT]; /* of the last look at the files; "": none */
	void (*renewed)(void *ctx);
	void *renewed_ctx;
};

static void warn_of_ends(const struct gw_tls *tls)
{
	for (int part = 0; part < GW_TLS_PARTS; part++) {
		struct gw_tls_end e;

		gw_tls_end(tls, (enum gw_tls_part)part, &e);
		if (e.left_s < 0)
			gw_error("%s: %s: has ended on %s: peers refuse this host", e.key, e.file,
				e.date);
		else if (e.left_s < GW_EXPIRY_WARN_S)
			gw_warn("%s: %s: ends on %s, in %lld days: put a new one there", e.key,
				e.file, e.date, (long long)(e.left_s / GW_EXPIRY_DAY_S));
	}
}

static void warn(struct gw_security *s)
{
	if (s->tls != NULL)
		warn_of_ends(s->tls);
	else
		gw_warn("security: off: nothing is encrypted and nobody is asked who he is: "
			"whoever reaches this host can take its guests, or send it his own; for "
			"labs only");
	s->warned_ns = gw_now_ns();
}

static int take(struct gw_security *s, bool in_any_case, struct gw_err *err)
{
	struct gw_tls_end e;
	char names[256];
	int rc = gw_tls_reload(s->tls, in_any_case, err);

	if (rc == 0)
		return 0;
	if (rc < 0) {
		snprintf(s->error, sizeof(s->error), "%s", err->text);
		s->failed_ns = gw_now_ns();
		gw_error("%s; the credentials from before stay in use", err->text);
		return rc;
	}
	s->error[0] = '\0';
	gw_tls_end(s->tls, GW_TLS_CERTIFICATE, &e);
	gw_tls_names(s->tls, names, sizeof(names));
	gw_info("tls: new credentials are in use: for %s, until %s", names, e.date);
	warn(s);
	if (s->renewed != NULL)
		s->renewed(s->renewed_ctx);
	return 0;
}

static void on_timer(void *ctx)
{
	struct gw_security *s = ctx;
	uint64_t now = gw_now_ns();
	struct gw_err err = {.text = ""};

	if (s->tls != NULL)
		take(s, s->error[0] != '\0' && now - s->failed_ns >= AGAIN_NS, &err);
	if (now - s->warned_ns >= DAY_NS)
		warn(s);
}

int gw_security_create(struct gw_loop *loop, const struct gw_config *config,
	struct gw_security **out, struct gw_err *err)
{
	struct gw_security *s = calloc(1, sizeof(*s));
	const struct gw_tls_conf conf = {.ca = config->tls.ca,
		.certificate = config->tls.certificate,
		.key = config->tls.key,
		.crl = config->tls.crl,
		.name = config->name};
	struct gw_err own;
	int rc = 0;

	if (s == NULL)
		return gw_err(err, -ENOMEM, "out of memory");
	if (config->security == GW_CONFIG_ON)
		rc = gw_tls_create(&conf, &s->tls, err);
	if (rc != 0) {
		size_t n = strlen(err->text);

		snprintf(err->text + n, sizeof(err->text) - n,
			"; scripts/pki makes what `security: on` needs");
		goto fail;
	}
	s->timer = gw_timer_create(loop, on_timer, s);
	if (s->timer == NULL) {
		rc = gw_err(err, -ENOMEM, "out of memory");
		goto fail;
	}
	/* Guests of this host are to be looked after all the same. */
	if (s->tls != NULL && gw_tls_check(s->tls, &own) != 0) {
		snprintf(s->error, sizeof(s->error), "%s", own.text);
		s->failed_ns = gw_now_ns();
		gw_error("%s", own.text);
	}
	warn(s);
	gw_timer_set(s->timer, LOOK_NS, LOOK_NS);
	*out = s;
	return 0;
fail:
	gw_security_free(&s);
	return rc;
}

void gw_security_free(struct gw_security **security)
{
	struct gw_security *s = *security;

	if (s == NULL)
		return;
	gw_timer_free(&s->timer);
	gw_tls_free(&s->tls);
	free(s);
	*security = NULL;
}

void gw_security_on_renewed(struct gw_security *s, void (*renewed)(void *ctx), void *ctx)
{
	s->renewed = renewed;
	s->renewed_ctx = ctx;
}

const struct gw_tls *gw_security_tls(const struct gw_security *s)
{
	return s->tls;
}

int gw_security_reload(struct gw_security *s, struct gw_err *err)
{
	if (s->tls == NULL)
		return gw_err(err, -ENOTSUP, "security is off: there is nothing to load");
	return take(s, true, err);
}

void gw_security_json(const struct gw_security *s, json_t *o)
{
	json_t *array;
	char names[256];

	json_object_set_new(o, "security", json_string(s->tls != NULL ? "on" : "off"));
	if (s->tls == NULL)
		return;
	array = json_array();
	for (int part = 0; part < GW_TLS_PARTS; part++) {
		struct gw_tls_end e;

		gw_tls_end(s->tls, (enum gw_tls_part)part, &e);
		if (e.file != NULL && e.left_s != INT64_MAX)
			json_array_append_new(array,
				json_pack("{s:s, s:o, s:s, s:I}", "key", e.key, "file",
					gw_message_string(e.file), "ends", e.date, "days_left",
					(json_int_t)(e.left_s / GW_EXPIRY_DAY_S)));
	}
	gw_tls_names(s->tls, names, sizeof(names));
	json_object_set_new(o, "certificate_names", gw_message_string(names));
	json_object_set_new(o, "certificates", array);
	if (s->error[0] != '\0')
		json_object_set_new(o, "error", gw_message_string(s->error));
}
