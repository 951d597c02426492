/* SPDX-License-Identifier: BSD-3-Clause */
#include "client.h"

#include "../../dataplane/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (128u << 20) /* a report may be long, but not endless */
#define ANSWER_TIMEOUT_S 120    /* migrate and check talk to the peer and both hypervisors first */

struct ctl_client {
	int fd;
	json_int_t last_id;
	char *path;
	char *in;
	size_t len, size;
};

static int fail(struct ctl_error *error, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int fail(struct ctl_error *error, const char *fmt, ...)
{
	va_list ap;

	error->code = 0;
	error->data = NULL;
	va_start(ap, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	return -1;
}

void ctl_error_clear(struct ctl_error *error)
{
	json_decref(error->data);
	*error = (struct ctl_error){0};
}

static const char *hint(int error)
{
	if (error == ENOENT || error == ECONNREFUSED)
		return ": is it running? (systemctl status godwitd; --socket names another socket)";
	if (error == EACCES)
		return ": permission denied; try as root";
	return "";
}

int ctl_client_create(const char *path, struct ctl_client **out, struct ctl_error *error)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct ctl_client *c;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		fail(error, "%s: longer than a socket's path can be", path);
		return -ENAMETOOLONG;
	}
	memcpy(addr.sun_path, path, strlen(path));
	c = calloc(1, sizeof(*c));
	if (c == NULL || (c->path = strdup(path)) == NULL) {
		free(c);
		fail(error, "out of memory");
		return -ENOMEM;
	}
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		rc = -errno;
		if (*hint(-rc) != '\0')
			fail(error, "no godwitd listens on %s%s", path, hint(-rc));
		else
			fail(error, "%s: %s", path, strerror(-rc));
		ctl_client_free(&c);
		return rc;
	}
	*out = c;
	return 0;
}

void ctl_client_free(struct ctl_client **client)
{
	if (*client == NULL)
		return;
	if ((*client)->fd >= 0)
		close((*client)->fd);
	free((*client)->path);
	free((*client)->in);
	free(*client);
	*client = NULL;
}

static int send_line(
	struct ctl_client *c, const char *method, json_t *params, struct ctl_error *error)
{
	json_t *request = json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id", ++c->last_id,
		"method", method, "params", params);
	char *line = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
	size_t len, sent = 0;
	int rc = 0;

	json_decref(request);
	if (line == NULL)
		return fail(error, "the request is not valid UTF-8");
	len = strlen(line);
	line[len++] = '\n'; /* over the NUL: the length is known */
	while (sent < len && rc == 0) {
		ssize_t n = send(c->fd, line + sent, len - sent, MSG_NOSIGNAL);

		if (n >= 0)
			sent += (size_t)n;
		else if (errno != EINTR)
			rc = fail(error, "%s: godwitd went away: %s", c->path, strerror(errno));
	}
	free(line);
	return rc;
}

/* Takes what has arrived. */
static int fill(struct ctl_client *c, struct ctl_error *error)
{
	size_t size = c->size == 0 ? 65536 : c->size * 2;
	ssize_t n;
	char *in;

	if (c->len == c->size) {
		if (size > ANSWER_MAX)
			return fail(error, "%s: an answer of more than %u MiB", c->path,
				ANSWER_MAX >> 20);
		in = realloc(c->in, size);
		if (in == NULL)
			return fail(error, "out of memory");
		c->in = in;
		c->size = size;
	}
	n = recv(c->fd, c->in + c->len, c->size - c->len, 0);
	if (n == 0)
		return fail(error, "%s: godwitd closed the connection", c->path);
	if (n < 0 && errno != EINTR)
		return fail(error, "%s: godwitd went away: %s", c->path, strerror(errno));
	if (n > 0)
		c->len += (size_t)n;
	return 0;
}

static int read_line(struct ctl_client *c, void (*on_signal)(void *ctx), void *ctx, json_t **answer,
	struct ctl_error *error)
{
	uint64_t end_ns = gw_now_ns() + ANSWER_TIMEOUT_S * GW_NS_PER_S, now_ns;
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	size_t looked = 0;
	json_error_t why;
	char *newline;
	int n;

	for (;;) {
		newline = c->len == looked ? NULL : memchr(c->in + looked, '\n', c->len - looked);
		if (newline != NULL)
			break;
		looked = c->len;
		now_ns = gw_now_ns();
		if (now_ns >= end_ns)
			return fail(error, "%s: godwitd does not answer (%d s)", c->path,
				ANSWER_TIMEOUT_S);
		n = poll(&p, 1, (int)((end_ns - now_ns) / GW_NS_PER_MS) + 1);
		if (n < 0 && errno == EINTR && on_signal != NULL)
			on_signal(ctx);
		if (n == 1 && fill(c, error) < 0)
			return -1;
	}
	*answer = json_loadb(c->in, (size_t)(newline - c->in), 0, &why);
	c->len -= (size_t)(newline + 1 - c->in);
	memmove(c->in, newline + 1, c->len);
	if (*answer == NULL)
		return fail(error, "%s: what answers is no godwitd: %s", c->path, why.text);
	return 0;
}

static int failed_call(json_t *answer, struct ctl_error *error)
{
	json_t *what = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(what, "message"));

	fail(error, "%s", text == NULL ? "godwitd gave no answer that makes sense" : text);
	error->code = (int)json_integer_value(json_object_get(what, "code"));
	if (error->code == 0)
		error->code = -32603;
	error->data = json_incref(json_object_get(what, "data"));
	return -1;
}

int ctl_client_call(struct ctl_client *c, const char *method, json_t *params,
	void (*on_signal)(void *ctx), void *ctx, json_t **result, struct ctl_error *error)
{
	json_t *answer;
	int rc;

	if (send_line(c, method, params, error) < 0 ||
		read_line(c, on_signal, ctx, &answer, error) < 0)
		return -1;
	*result = json_incref(json_object_get(answer, "result"));
	rc = *result == NULL ? failed_call(answer, error) : 0;
	json_decref(answer);
	return rc;
}
