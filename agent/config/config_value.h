/*
 * config_value: one value of a setting. Each function reports what is wrong and then
 * returns false or NULL, with *out as before.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/config/config_reader.h"

/* A string that is not empty, valid UTF-8, without control bytes. Borrowed. */
const char *config_string(struct config_reader *r, const config_setting_t *s,
			  const char *expected);
bool config_text(struct config_reader *r, const config_setting_t *s,
		 const char *expected, struct text *out);

bool config_bool(struct config_reader *r, const config_setting_t *s, uint32_t *out);
bool config_int(struct config_reader *r, const config_setting_t *s, uint32_t min,
		uint32_t max, uint32_t *out);

/* A span of at least `min_s` and at most `max_s`. */
bool config_span(struct config_reader *r, const config_setting_t *s, int64_t min_s,
		 int64_t max_s, int64_t *out);
bool config_size(struct config_reader *r, const config_setting_t *s, uint64_t *out);

/* The number of the word in `words`, which NULL ends. */
bool config_choice(struct config_reader *r, const config_setting_t *s,
		   const char *const *words, uint32_t *out);
bool config_key_type(struct config_reader *r, const config_setting_t *s, uint32_t *out);

/* "0640": octal, as chmod(1) takes it, no more than rw for owner, group and others. */
bool config_mode(struct config_reader *r, const config_setting_t *s, uint32_t *out);

/* An absolute path in its one spelling: no empty part, no "." or "..", no "/" at the
 * end. Strict, because two spellings would be two files to us and one to the kernel. */
const char *config_path(struct config_reader *r, const config_setting_t *s);
bool config_path_text(struct config_reader *r, const config_setting_t *s,
		      struct text *out);

/* A URL whose scheme is one of `schemes` ("https", or "http https"). */
bool config_url(struct config_reader *r, const config_setting_t *s, const char *schemes,
		struct text *out);

/* "mailto:ops@example.org" (RFC 8555 7.3). */
bool config_contact(struct config_reader *r, const config_setting_t *s,
		    struct text *out);

/* "127.0.0.1:80", "[::]:443", "unix:/path" to listen at. */
bool config_listen(struct config_reader *r, const config_setting_t *s, bool unix_too,
		   struct text *out);

/* The path of a socket is as short as the kernel has it. */
bool config_socket_fits(struct config_reader *r, const config_setting_t *s,
			const char *path);

/* A list of strings. False if it is empty or any of them is none. */
bool config_words(struct config_reader *r, const config_setting_t *s,
		  const char *expected, struct list *out);
