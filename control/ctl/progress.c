/* SPDX-License-Identifier: BSD-3-Clause */
#include "progress.h"
#include "text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PORTS_NAMED 4 /* more are summed up */
#define NAME_SHOWN 10

enum { PHASE, LEFT, DIRTY, PORTS, BLACKOUT, ETA, ELAPSED, PARTS };
enum form { FULL, BRIEF, GONE };

/* In which order parts give way: {part, the form it takes}. The phase stays. */
static const struct {
	int part;
	enum form form;
} squeeze[] = {{ELAPSED, GONE}, {BLACKOUT, BRIEF}, {DIRTY, BRIEF}, {LEFT, BRIEF}, {ETA, BRIEF},
	{PORTS, BRIEF}, {DIRTY, GONE}, {BLACKOUT, GONE}, {ETA, GONE}, {PORTS, GONE}, {LEFT, GONE}};

static struct text phase(const json_t *s)
{
	struct text name = text_of(s, "phase");

	if (strcmp(name.s, "precopy") == 0)
		return text_format("precopy %s", text_of(s, "epoch").s);
	return name;
}

static struct text left(const json_t *s, enum form form)
{
	double bytes = text_number(s, "remaining_bytes", -1);

	if (bytes < 0 || text_number(s, "total_bytes", 0) <= 0)
		return text_format("%s", "");
	return text_format("%s%s", text_bytes(bytes).s, form == FULL ? " left" : "");
}

static struct text dirty(const json_t *s, enum form form)
{
	double bps = text_number(s, "dirty_rate_bps", 0);

	if (bps <= 0)
		return text_format("%s", "");
	return form == FULL ? text_format("dirty %s", text_rate(bps).s)
			    : text_format("dirty %.1fG", bps / 1e9);
}

static struct text ports(const json_t *s, enum form form)
{
	const json_t *list = json_object_get(s, "ports"), *port;
	size_t n = json_array_size(list), i, at = 0;
	double sum = 0, bps, gone_ms = text_number(s, "ports_down_ms", -1);
	char line[TEXT_CELL] = "";

	if (gone_ms >= 0)
		return text_format(
			form == FULL ? "no port up for %.1f s" : "no port %.1f s", gone_ms / 1000);

	json_array_foreach(list, i, port)
	{
		bps = text_number(port, "bps", 0);
		sum += bps;
		if (n > PORTS_NAMED)
			continue;
		if (form == FULL)
			at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%.*s %.1f%s",
				i == 0 ? "" : " ", NAME_SHOWN, text_of(port, "name").s, bps / 1e9,
				json_is_false(json_object_get(port, "up")) ? " DOWN" : "");
		else
			at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%.1f",
				i == 0 ? "" : "+", bps / 1e9);
		if (at >= sizeof(line))
			at = sizeof(line) - 1;
	}
	if (n > 0 && n <= PORTS_NAMED)
		return text_format("%s Gb/s", line);
	if (n > PORTS_NAMED && form == FULL)
		return text_format("%zu ports %.1f Gb/s", n, sum / 1e9);
	if (n == 0)
		sum = text_number(s, "wire_rate_bps", 0);
	return sum > 0 ? text_format("%.1f Gb/s", sum / 1e9) : text_format("%s", "");
}

static struct text blackout(const json_t *s, enum form form)
{
	double known = text_number(s, "blackout_ms", -1);
	double predicted = text_number(s, "predicted_blackout_ms", -1);

	if (known < 0 && predicted < 0)
		return text_format("%s", "");
	return text_format("%s%s%s", form == FULL ? "blackout " : "bo ", known < 0 ? "~" : "",
		text_ms(round(known < 0 ? predicted : known)).s);
}

/* Tenths of a second at most: milliseconds only flicker. */
static struct text seconds(double ms)
{
	return ms < 99950 ? text_format("%.1f s", ms / 1000) : text_ms(ms);
}

static struct text eta(const json_t *s, enum form form)
{
	double ms = text_number(s, "eta_ms", -1);

	if (ms < 0)
		return text_format("%s", "");
	return text_format(form == FULL ? "%s to go" : "eta %s", seconds(ms).s);
}

static struct text part(const json_t *s, int which, enum form form)
{
	if (form == GONE)
		return text_format("%s", "");
	switch (which) {
	case PHASE:
		return phase(s);
	case LEFT:
		return left(s, form);
	case DIRTY:
		return dirty(s, form);
	case PORTS:
		return ports(s, form);
	case BLACKOUT:
		return blackout(s, form);
	case ETA:
		return eta(s, form);
	default:
		return seconds(text_number(s, "elapsed_ms", 0));
	}
}

static size_t compose(const json_t *s, const enum form *forms, char *buf, size_t size)
{
	static const int order[PARTS] = {ELAPSED, PHASE, LEFT, DIRTY, PORTS, BLACKOUT, ETA};
	size_t n = 0;

	buf[0] = '\0';
	for (int i = 0; i < PARTS && n < size; i++) {
		struct text t = part(s, order[i], forms[order[i]]);

		if (t.s[0] != '\0')
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n == 0 ? "" : "  ", t.s);
	}
	return n;
}

void progress_line(const json_t *status, int width, char *buf, size_t size)
{
	enum form forms[PARTS] = {FULL};
	size_t n = compose(status, forms, buf, size);

	for (size_t i = 0; n > (size_t)width && i < sizeof(squeeze) / sizeof(squeeze[0]); i++) {
		forms[squeeze[i].part] = squeeze[i].form;
		n = compose(status, forms, buf, size);
	}
	if (n > (size_t)width && (size_t)width < size)
		buf[width] = '\0';
}
