/* SPDX-License-Identifier: BSD-3-Clause */
#include "text.h"

#include "../../dataplane/base/clean.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct text text_format(const char *fmt, ...)
{
	struct text t;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t.s, sizeof(t.s), fmt, ap);
	va_end(ap);
	gw_text_clean(t.s);
	return t;
}

/* Three digits that matter: 1.25, 12.5, 125. */
static struct text scaled(double value, const char *const *units, size_t n, double step)
{
	size_t i = 0;

	if (!(value > 0))
		return text_format("0 %s", units[0]);
	while (i + 1 < n && value >= step * 0.9995) {
		value /= step;
		i++;
	}
	return text_format("%.*f %s",
		i == 0 || value >= 99.95 ? 0
		: value >= 9.995         ? 1
					 : 2,
		value, units[i]);
}

struct text text_bytes(double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};

	return scaled(bytes, units, sizeof(units) / sizeof(units[0]), 1024);
}

struct text text_rate(double bps)
{
	static const char *const units[] = {"b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s"};

	return scaled(bps, units, sizeof(units) / sizeof(units[0]), 1000);
}

struct text text_ms(double ms)
{
	if (!(ms >= 0) || ms > 1e13)
		return text_format("-");
	if (ms < 9.95 && ms != floor(ms))
		return text_format("%.1f ms", ms);
	if (ms < 999.5)
		return text_format("%.0f ms", ms);
	if (ms < 99950)
		return text_format("%.1f s", ms / 1000);
	if (ms < 3600000)
		return text_format(
			"%.0f min %02.0f s", floor(ms / 60000), floor(fmod(ms, 60000) / 1000));
	return text_format(
		"%.0f h %02.0f min", floor(ms / 3600000), floor(fmod(ms, 3600000) / 60000));
}

struct text text_count(double n)
{
	struct text digits = text_format("%.0f", n), t;
	size_t len = strlen(digits.s), out = 0;

	for (size_t i = 0; i < len && out < sizeof(t.s) - 2; i++) {
		t.s[out++] = digits.s[i];
		if ((len - i) % 3 == 1 && i + 1 < len && digits.s[i] != '-')
			t.s[out++] = ',';
	}
	t.s[out] = '\0';
	return t;
}

struct text text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value) && json_string_length(value) > 0)
		return text_format("%s", json_string_value(value));
	if (json_is_integer(value))
		return text_format("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	if (json_is_real(value))
		return text_format("%g", json_real_value(value));
	if (json_is_boolean(value))
		return text_format("%s", json_is_true(value) ? "yes" : "no");
	return text_format("-");
}

double text_number(const json_t *object, const char *key, double fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : fallback;
}

void text_wrap(FILE *f, const char *s, int first, int indent, int width)
{
	int column = first, n;
	bool begun = false;

	for (s += strspn(s, " \n"); *s != '\0'; s += n + (int)strspn(s + n, " \n")) {
		n = (int)strcspn(s, " \n");
		if (begun && column + 1 + n > width)
			column = fprintf(f, "\n%*s", indent, "") - 1;
		else if (begun)
			column += fprintf(f, " ");
		for (int i = 0; i < n; i++)
			fputc((unsigned char)s[i] < ' ' || s[i] == 0x7f ? '?' : s[i], f);
		column += n;
		begun = true;
	}
	fputc('\n', f);
}

struct text *table_row(struct table *table)
{
	struct text(*rows)[TEXT_COLUMNS] =
		realloc(table->rows, (size_t)(table->n_rows + 1) * sizeof(*rows));

	if (rows == NULL)
		return NULL;
	table->rows = rows;
	memset(rows[table->n_rows], 0, sizeof(*rows));
	return rows[table->n_rows++];
}

/* Columns on a terminal: continuation bytes of UTF-8 take none. */
static int columns(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void table_print(struct table *table, FILE *f)
{
	int width[TEXT_COLUMNS] = {0};

	for (int r = 0; r < table->n_rows; r++)
		for (int c = 0; c < table->n_columns; c++)
			if (columns(table->rows[r][c].s) > width[c])
				width[c] = columns(table->rows[r][c].s);
	for (int r = 0; r < table->n_rows; r++) {
		for (int c = 0; c < table->n_columns; c++) {
			const char *cell = table->rows[r][c].s;
			int pad = width[c] - columns(cell);

			fprintf(f, "%s%*s%s", c == 0 ? "" : "  ", table->align[c] == 'r' ? pad : 0,
				"", cell);
			if (table->align[c] != 'r' && c + 1 < table->n_columns)
				fprintf(f, "%*s", pad, "");
		}
		fputc('\n', f);
	}
	free(table->rows);
	table->rows = NULL;
	table->n_rows = 0;
}
