/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.c - GET something small by https.
 */
#include "vault/fetch.h"

#include <curl/curl.h>
#include <errno.h>

#include "base/log.h"
#include "version.h"

#define SECONDS 10L

struct fetching {
	struct buf *out;
	int err;
};

static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct fetching *f = arg;

	f->err = buf_append(f->out, p, size * n);
	return f->err < 0 ? 0 : size * n;
}

static bool set_up(CURL *c, const char *url, const char *authority,
		   struct fetching *f, char *text)
{
	return curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") ==
		       CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_TIMEOUT, SECONDS) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, text) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_USERAGENT,
				"tidemark-vaultd/" TIDEMARK_VERSION) ==
		       CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, f) == CURLE_OK &&
	       (!authority ||
		curl_easy_setopt(c, CURLOPT_CAINFO, authority) == CURLE_OK);
}

int fetch(const char *url, const char *authority, struct buf *out)
{
	struct fetching f = { out, 0 };
	char text[CURL_ERROR_SIZE] = "";
	size_t before = out->len;
	CURLcode r = CURLE_OUT_OF_MEMORY;
	CURL *c = curl_easy_init();

	if (c && set_up(c, url, authority, &f, text))
		r = curl_easy_perform(c);
	curl_easy_cleanup(c);
	if (r == CURLE_OK)
		return 0;
	out->len = before;
	if (f.err == -ENOMEM)
		return f.err;
	if (f.err == -EMSGSIZE)
		return log_fail(f.err, "get %s", url);
	log_error("get %s: %s", url, *text ? text : curl_easy_strerror(r));
	return -EIO;
}
