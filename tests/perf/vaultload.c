/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vaultload.c - many machines that commit small increments together.
 *
 * Usage: vaultload URL AUTHORITY ROUNDS < SECRETS
 *
 * SECRETS has the secret of a credentials file in each line: so many machines
 * register, each with a key of its own, connect, and begin at one moment. An
 * increment is what an agent sends: a lease, a pack of 64 KiB, an index, a
 * snapshot and a head, one after the other on one connection. Printed are
 * times of increments and of their heads alone, and all errors.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "pki/pkey.h"
#include "pki/x509.h"

#define PACK (64u << 10)
#define SMALL 1000u
#define AGENTS_MAX 5000

struct agent {
	unsigned int number;
	char secret[80];
	CURL *c;
	struct buf answer, key, certificate;
	uint8_t pack[PACK];
	unsigned int errors;
	double *increments, *heads; /* of each round, in seconds */
	pthread_t thread;
};

static const char *url, *authority;
static unsigned int rounds, n_agents;
static pthread_barrier_t together;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t take(char *p, size_t size, size_t n, void *arg)
{
	return buf_append(arg, p, size * n) < 0 ? 0 : size * n;
}

static void prepare(struct agent *a)
{
	curl_easy_reset(a->c);
	curl_easy_setopt(a->c, CURLOPT_CAINFO, authority);
	curl_easy_setopt(a->c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(a->c, CURLOPT_TIMEOUT, 120L);
	curl_easy_setopt(a->c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(a->c, CURLOPT_WRITEDATA, &a->answer);
	if (a->certificate.len > 0) {
		struct curl_blob cert = { a->certificate.p, a->certificate.len,
					  CURL_BLOB_NOCOPY };
		struct curl_blob key = { a->key.p, a->key.len,
					 CURL_BLOB_NOCOPY };

		curl_easy_setopt(a->c, CURLOPT_SSLCERT_BLOB, &cert);
		curl_easy_setopt(a->c, CURLOPT_SSLKEY_BLOB, &key);
	}
}

/* The status, or 0. */
static long ask(struct agent *a, const char *method, const char *path,
		struct span body)
{
	char text[512];
	long status = 0;

	prepare(a);
	a->answer.len = 0;
	snprintf(text, sizeof(text), "%s%s", url, path);
	curl_easy_setopt(a->c, CURLOPT_URL, text);
	curl_easy_setopt(a->c, CURLOPT_CUSTOMREQUEST, method);
	if (strcmp(method, "GET") != 0) {
		curl_easy_setopt(a->c, CURLOPT_POSTFIELDSIZE, (long)body.len);
		curl_easy_setopt(a->c, CURLOPT_POSTFIELDS,
				 body.p ? (const char *)body.p : "");
	}
	if (curl_easy_perform(a->c) == CURLE_OK)
		curl_easy_getinfo(a->c, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static void expect(struct agent *a, const char *what, long is, long want)
{
	if (is == want)
		return;
	if (a->errors++ > 0)
		return; /* one tells enough */
	fprintf(stderr, "agent %u: %s: %ld, not %ld: %.*s\n", a->number, what,
		is, want, (int)MIN(a->answer.len, (size_t)200),
		(const char *)a->answer.p);
}

/* --- registering --- */

static int write_request(struct agent *a, struct buf *out)
{
	CLEANUP_BUF struct buf csr = BUF_INIT(X509_CERT_MAX);
	CLEANUP_PKEY struct pkey *key = NULL;
	struct json_out j = JSON_OUT(out);
	char name[32];
	int e = pkey_new(&key);

	snprintf(name, sizeof(name), "agent-%u", a->number);
	if (e == 0)
		e = pkey_to_pem(key, &a->key);
	if (e == 0)
		e = x509_request(key, name, &csr);
	if (e < 0)
		return e;
	json_object(&j, NULL);
	json_str(&j, "secret", a->secret);
	json_str(&j, "name", name);
	json_strn(&j, "request", SPAN_OF(&csr));
	json_close(&j);
	return json_end(&j);
}

static int enroll(struct agent *a)
{
	CLEANUP_BUF struct buf request = BUF_INIT(1u << 20);
	CLEANUP_JSON struct json *j = NULL;
	const char *cert;
	int e = write_request(a, &request);

	if (e < 0)
		return e;
	expect(a, "register", ask(a, "POST", "/v1/register", SPAN_OF(&request)),
	       201);
	e = json_parse(SPAN_OF(&a->answer), 1u << 20, &j);
	cert = e < 0 ? NULL : json_to_str(json_get(j, "certificate"));
	if (!cert)
		return e < 0 ? e : -EPROTO;
	e = buf_append(&a->certificate, cert, strlen(cert));
	/* the next connection shows it */
	curl_easy_cleanup(a->c);
	a->c = curl_easy_init();
	return e;
}

/* --- an increment --- */

static void put(struct agent *a, const char *class, struct span data)
{
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], path[200];

	sha256_once(data, hash);
	snprintf(path, sizeof(path), "/v1/objects/%s/%s", class,
		 hex_encode(hex, hash, sizeof(hash)));
	expect(a, class, ask(a, "PUT", path, data), 201);
}

static void commit(struct agent *a, unsigned int round)
{
	char path[200], lease[100] = "";
	double began = now(), head;

	random_bytes(a->pack, sizeof(a->pack));
	expect(a, "lease",
	       ask(a, "POST", "/v1/leases?kind=writer", SPAN(NULL, 0)), 201);
	if (a->answer.len > 44)
		snprintf(lease, sizeof(lease), "/v1/leases/%.32s",
			 (const char *)a->answer.p + strlen("{\"lease\":\""));
	put(a, "packs", SPAN(a->pack, PACK));
	put(a, "index", SPAN(a->pack + 1, SMALL));
	put(a, "snapshots", SPAN(a->pack + 2, SMALL));
	head = now();
	snprintf(path, sizeof(path), "/v1/objects/heads/%016x", round + 1);
	expect(a, "head", ask(a, "PUT", path, SPAN(a->pack + 3, SMALL)), 201);
	a->heads[round] = now() - head;
	expect(a, "end of lease", ask(a, "DELETE", lease, SPAN(NULL, 0)), 204);
	a->increments[round] = now() - began;
}

static void *run(void *arg)
{
	struct agent *a = arg;
	unsigned int round;
	int e = enroll(a);

	if (e < 0) {
		a->errors++;
		fprintf(stderr, "agent %u does not register: %s\n", a->number,
			strerror(-e));
	}
	expect(a, "machine", ask(a, "GET", "/v1/machine", SPAN(NULL, 0)), 200);
	pthread_barrier_wait(&together);
	for (round = 0; round < rounds; round++) {
		commit(a, round);
		pthread_barrier_wait(&together);
	}
	return NULL;
}

/* --- what came of it --- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(const char *what, double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	printf("%-10s median %.3f s, p90 %.3f s, p99 %.3f s, most %.3f s\n",
	       what, v[n / 2], v[n * 9 / 10], v[n * 99 / 100], v[n - 1]);
}

static int read_secrets(struct agent *agents)
{
	while (n_agents < AGENTS_MAX &&
	       scanf("%79s", agents[n_agents].secret) == 1) {
		struct agent *a = &agents[n_agents];

		a->number = n_agents++;
		a->c = curl_easy_init();
		a->answer = a->key = a->certificate = BUF_INIT(1u << 20);
	}
	return n_agents > 0 ? 0 : -EINVAL;
}

static unsigned int run_all(struct agent *agents, double *increments,
			    double *heads)
{
	unsigned int i, errors = 0;
	double began;

	pthread_barrier_init(&together, NULL, n_agents + 1);
	for (i = 0; i < n_agents; i++) {
		agents[i].increments = increments + (size_t)i * rounds;
		agents[i].heads = heads + (size_t)i * rounds;
		if (pthread_create(&agents[i].thread, NULL, run, &agents[i]))
			abort();
	}
	pthread_barrier_wait(&together);
	began = now();
	for (i = 0; i < rounds; i++)
		pthread_barrier_wait(&together);
	printf("%u agents, %u increments each, in %.2f s: %.0f in a second\n",
	       n_agents, rounds, now() - began,
	       n_agents * rounds / (now() - began));
	for (i = 0; i < n_agents; i++) {
		pthread_join(agents[i].thread, NULL);
		errors += agents[i].errors;
	}
	return errors;
}

int main(int argc, char **argv)
{
	struct agent *agents = calloc(AGENTS_MAX, sizeof(*agents));
	double *increments, *heads;
	unsigned int errors;

	if (argc != 4 || !agents || read_secrets(agents) < 0)
		return 2;
	url = argv[1];
	authority = argv[2];
	rounds = (unsigned int)strtoul(argv[3], NULL, 10);
	increments = calloc((size_t)n_agents * rounds, sizeof(*increments));
	heads = calloc((size_t)n_agents * rounds, sizeof(*heads));
	if (!increments || !heads || rounds == 0)
		return 2;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	errors = run_all(agents, increments, heads);
	report("increment", increments, (size_t)n_agents * rounds);
	report("head", heads, (size_t)n_agents * rounds);
	printf("%u errors\n", errors);
	return errors > 0;
}
