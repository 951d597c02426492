/* SPDX-License-Identifier: BSD-3-Clause */
/* Text for people: units, wrapping, tables. Strings from elsewhere lose their control characters
 * here. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_CELL 128
#define TEXT_COLUMNS 12

struct text {
	char s[TEXT_CELL];
};

struct text text_bytes(double bytes); /* "1.25 GiB" */
struct text text_rate(double bps);    /* "9.81 Gb/s" */
struct text text_ms(double ms);       /* "41 ms", "12.3 s", "2 min 5 s", "3 h 2 min" */
struct text text_count(double n);     /* "1,234,567" */
struct text text_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A string or number of a JSON object, printable; "-" where there is none. */
struct text text_of(const json_t *object, const char *key);
/* A number of a JSON object; fallback where there is none. */
double text_number(const json_t *object, const char *key, double fallback);

/* Words of s from column indent on, lines up to width columns; the first line begins at column
 * first. */
void text_wrap(FILE *f, const char *s, int first, int indent, int width);

/* A table whose columns are as wide as their widest cell. */
struct table {
	int n_columns, n_rows;
	const char *align; /* of each column 'l' or 'r' */
	struct text (*rows)[TEXT_COLUMNS];
};

/* The cells are those of n_columns; NULL where memory ends (the row is left out). */
struct text *table_row(struct table *table);
void table_print(struct table *table, FILE *f); /* and frees its rows */
