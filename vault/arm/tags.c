/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tags.c - the tags of a resource.
 */
#include "vault/arm/tags.h"

#include <errno.h>
#include <string.h>

static bool is_tag(const struct json *t)
{
	return json_to_str(t) && strlen(json_key(t)) <= 512 &&
	       strlen(json_to_str(t)) <= 256;
}

/* Neither object nor array, string, number or truth: null. */
static bool is_nothing(const struct json *j)
{
	uint64_t n;
	bool b;

	return !j ||
	       (!json_is_object(j) && !json_is_array(j) && !json_to_str(j) &&
		json_to_u64(j, &n) < 0 && json_to_bool(j, &b) < 0);
}

int tags_text(const struct json *tags, struct buf *out)
{
	struct json_out j = JSON_OUT(out);
	const struct json *t = NULL;
	unsigned int n = 0;
	int e;

	if (!is_nothing(tags)) {
		if (!json_is_object(tags))
			return -EINVAL;
		t = json_first(tags);
	}
	json_object(&j, NULL);
	for (; t; t = json_next(t)) {
		if (n++ == TAGS_MAX || !is_tag(t))
			return -EINVAL;
		json_str(&j, json_key(t), json_to_str(t));
	}
	json_close(&j);
	e = json_end(&j);
	return e < 0 ? e : buf_u8(out, '\0');
}

int tags_write(struct json_out *j, const char *key, const char *text)
{
	CLEANUP_JSON struct json *tags = NULL;
	const struct json *t;
	int e = json_parse(SPAN(text, strlen(text)), TAGS_TEXT_MAX, &tags);

	if (e < 0)
		return e;
	json_object(j, key);
	for (t = json_first(tags); t; t = json_next(t))
		json_str(j, json_key(t), json_to_str(t));
	json_close(j);
	return 0;
}
