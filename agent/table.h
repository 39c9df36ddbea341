/*
 * table: rows of text in columns as wide as they must be, for people. Long text stands in
 * notes below its row. What could move a terminal's cursor is escaped (text.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS 8

enum table_color {
	COLOR_NONE,
	COLOR_GOOD,
	COLOR_WARN,
	COLOR_BAD,
	COLOR_FAINT,
};

#define TABLE_WIDTH 80 /* notes are broken to fit */

struct table_cell {
	char *text; /* owned */
	char *note; /* owned; NULL: none */
	enum table_color color;
};

struct table {
	size_t columns;
	bool color;
	struct table_cell *cells; /* owned */
	size_t n;
};

#define AUTO_TABLE __attribute__((cleanup(table_done)))

void table_begin(struct table *t, bool color, const char *const *heads, size_t columns);

/* The next cell, left to right; each row has as many as there are columns. */
void table_put(struct table *t, enum table_color color, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A note below the row of the last cell. */
void table_note(struct table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Print it; a table without rows prints nothing. The last column is not padded. */
void table_print(const struct table *t, FILE *to);
void table_done(struct table *t);
