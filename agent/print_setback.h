/* print_setback: what people see of names that cannot be shown as configured (setback.h). */
#pragma once

#include <stdint.h>

struct agent;
struct json;
struct table;

/* Notes of the row of certificate `i`. */
void setback_note(const struct agent *a, uint32_t i, struct table *t);

/* "setbacks" of it. */
void setback_json(const struct agent *a, uint32_t i, struct json *j);
