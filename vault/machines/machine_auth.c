/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine_auth.c - which machine asks, or who may restore in its place.
 */
#include "vault/machines/machine_auth.h"

#include <errno.h>
#include <string.h>

#include "vault/vault.h"

static int answered(int e)
{
	return e < 0 ? e : -ECANCELED;
}

static int not_known(struct http_exchange *x, struct vault *v)
{
	int e = gate_stranger(v->gate, x);

	if (e < 0)
		return e;
	return answered(http_reply_error(
		x, 401, "Unauthorized",
		http_fingerprint(x)
			? "This machine's certificate is not known, revoked or "
			  "over: register it anew."
			: "A registered machine's certificate is needed."));
}

static int find_machine(struct http_exchange *x, struct vault *v,
			struct machine *out)
{
	const uint8_t *hash = http_fingerprint(x);

	return hash ? machine_of_certificate(v->db, hash, out) : -ENOENT;
}

int reader_auth(struct http_exchange *x, struct vault *v,
		struct vault_reader *out)
{
	const uint8_t *hash = http_fingerprint(x);
	int e = hash ? reader_of_certificate(v->db, hash, out) : -ENOENT;

	if (e == 0)
		return gate_machine(v->gate, x, out->id);
	if (e == -EACCES)
		e = gate_stranger(v->gate, x);
	if (e < 0)
		return e;
	return answered(http_reply_error(
		x, 401, "RightEnded",
		"The right to restore is revoked or over: ask the vault's "
		"administrator for new credentials to restore."));
}

int machine_auth(struct http_exchange *x, struct vault *v, struct machine *out)
{
	struct vault_reader r;
	int e = find_machine(x, v, out);

	if (e == 0)
		return gate_machine(v->gate, x, out->id);
	if (e != -ENOENT)
		return e;
	e = reader_auth(x, v, &r);
	if (e == 0)
		return answered(http_reply_error(
			x, 403, "ReadOnly",
			"Who may restore can read, and do nothing else."));
	return e == -ENOENT ? not_known(x, v) : e;
}

int repository_auth(struct http_exchange *x, struct vault *v,
		    struct machine *out)
{
	const char *of = http_query(x, "machine");
	struct vault_reader r;
	int e = find_machine(x, v, out);

	if (e == 0)
		e = gate_machine(v->gate, x, out->id);
	/* a machine has one repository and cannot name another */
	if (e == 0 && of && strcmp(of, out->id) != 0)
		e = -EACCES;
	if (e == -ENOENT) {
		e = reader_auth(x, v, &r);
		if (e == -ENOENT)
			return not_known(x, v);
		if (e == 0)
			e = of ? reader_may_read(v->db, &r, of, out) : -EACCES;
	}
	if (e != -EACCES)
		return e;
	return answered(http_reply_error(
		x, 403, "NotAllowed",
		"That machine's repository may not be read by this one."));
}
