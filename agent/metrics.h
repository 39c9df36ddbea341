/*
 * metrics: lines of the text format of Prometheus, version 0.0.4.
 *
 *     metrics_family(out, "everleaf_certificate_failures", "gauge", "Failed in a row.");
 *     metrics_sample(out, "everleaf_certificate_failures", labels, n, 3);
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf;

struct metrics_label {
	const char *name;
	const char *value; /* any bytes: what is not UTF-8 becomes U+FFFD */
};

/* HELP and TYPE ("gauge", "counter"), once before the samples of `name`. */
void metrics_family(struct buf *out, const char *name, const char *type,
		    const char *help);

void metrics_sample(struct buf *out, const char *name,
		    const struct metrics_label *labels, size_t n, int64_t value);
