/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_device.c - devices are opened, and the daemon is asked.
 *
 * The token that the catalog keeps is: version:u8 count:u32 { SHA-256 of the
 * path, instance[16] id[16] epoch:u64 }*.
 */
#include "tools/backup_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "archive/tracked.h"
#include "base/log.h"
#include "control/control.h"
#include "crypto/crypto.h"
#include "tools/backup_device_private.h"
#include "tools/output.h"
#include "track/freeze.h"

#define TOKEN_VERSION 2 /* 1 is that of file systems */
#define DEVICES_MAX 256

/* --- the token of the last time --- */

static int token_encode(const struct backup_device *b, struct buf *out)
{
	uint32_t n = 0;
	size_t i;
	int e;

	for (i = 0; i < b->devices.n; i++)
		n += b->v[i].is_tracked;
	e = buf_u8(out, TOKEN_VERSION);
	if (e == 0)
		e = buf_le32(out, n);
	for (i = 0; e == 0 && i < b->devices.n; i++) {
		const struct device_token *t = &b->v[i].token;

		if (!b->v[i].is_tracked)
			continue;
		e = buf_append(out, t->path, sizeof(t->path));
		if (e == 0)
			e = buf_append(out, t->instance, sizeof(t->instance));
		if (e == 0)
			e = buf_append(out, t->id, sizeof(t->id));
		if (e == 0)
			e = buf_le64(out, t->epoch);
	}
	return e;
}

/* The one of the device with this path; false: there is none. */
static bool token_find(struct span bytes, const uint8_t path[32],
		       struct device_token *out)
{
	struct reader rd = reader_of(bytes);
	uint32_t n, i;

	if (!bytes.p || rd_u8(&rd) != TOKEN_VERSION)
		return false;
	n = rd_le32(&rd);
	for (i = 0; i < n && !rd.bad; i++) {
		struct span s = rd_take(&rd, 64);
		uint64_t epoch = rd_le64(&rd);

		if (rd.bad || memcmp(s.p, path, 32) != 0)
			continue;
		memcpy(out->path, s.p, 32);
		memcpy(out->instance, s.p + 32, 16);
		memcpy(out->id, s.p + 48, 16);
		out->epoch = epoch;
		return true;
	}
	return false;
}

/* --- asking --- */

static int take_answer(struct backup_device *b, struct device *d,
		       const struct json *j, int fd, struct dirty *out)
{
	const char *why = json_to_str(json_get(j, "why"));
	bool tracked = false, trusted = false;
	int e = json_to_bool(json_get(j, "tracked"), &tracked);

	d->is_tracked = d->is_trusted = false;
	if (e == 0 && !tracked)
		why = "tidemarkd does not track it";
	if (e == 0 && tracked)
		e = json_to_bool(json_get(j, "trusted"), &trusted);
	if (e == 0 && tracked)
		e = json_to_hex(json_get(j, "instance"), d->token.instance, 16);
	if (e == 0 && tracked)
		e = json_to_hex(json_get(j, "device"), d->token.id, 16);
	if (e == 0 && tracked)
		e = json_to_u64(json_get(j, "epoch"), &d->token.epoch);
	d->is_tracked = e == 0 && tracked;
	if (d->is_tracked && trusted)
		e = dirty_read(fd, out);
	d->is_trusted = e == 0 && d->is_tracked && trusted && !out->lost;
	if (!d->is_trusted && why && !b->why) {
		snprintf(b->why_text, sizeof(b->why_text), "%s", why);
		b->why = b->why_text;
	}
	return e;
}

int device_ask(struct backup_device *b, struct device *d,
	       const struct device_token *since, bool later, struct dirty *out)
{
	CLEANUP_BUF struct buf buf = BUF_INIT(CONTROL_PACKET_MAX);
	CLEANUP_JSON struct json *reply = NULL;
	CLEANUP_CLOSE int passed = -1;
	struct json_out j = JSON_OUT(&buf);
	char consumer[HEX_LEN(SHA256_LEN)] = "";
	int e;

	dirty_release(out);
	/* In a later pass nobody: if the backup fails, what it was told first
	 * is needed again, and marks since then are kept anyway. */
	if (!later)
		hex_encode(consumer, b->opt.consumer, SHA256_LEN);
	json_object(&j, NULL);
	json_str(&j, "op", "device-begin");
	json_u64(&j, "major", major(d->disk.dev));
	json_u64(&j, "minor", minor(d->disk.dev));
	json_str(&j, "consumer", consumer);
	if (since) {
		json_hex(&j, "instance", since->instance, 16);
		json_hex(&j, "device", since->id, 16);
		json_u64(&j, "epoch", since->epoch);
	}
	json_close(&j);
	e = json_end(&j);
	if (e == 0)
		e = control_call(b->socket, SPAN_OF(&buf), &reply, &passed);
	return e < 0 ? e : take_answer(b, d, reply, passed, out);
}

static void ask_first(struct backup_device *b, struct device *d)
{
	struct device_token since;
	bool has;
	int e;

	sha256_once(SPAN(d->a->path, strlen(d->a->path)), d->token.path);
	if (b->socket < 0)
		return;
	has = !b->opt.read_all && b->opt.catalog &&
	      token_find(catalog_token(b->opt.catalog), d->token.path, &since);
	e = device_ask(b, d, has ? &since : NULL, false, &d->dirty);
	if (e < 0) {
		log_warn("tidemarkd cannot be asked (%s): reading all of %s",
			 log_strerror(e), d->a->path);
		b->why = "tidemarkd could not be asked";
		d->is_tracked = d->is_trusted = false;
	}
	if (d->is_trusted && !b->opt.read_all)
		d->a->dirty = &d->dirty;
}

/* --- the devices --- */

static int open_device(struct device *d)
{
	struct archive_device *a = d->a;
	int sector = 0, e;

	e = disk_of(a->path, &d->disk);
	if (e == -ENOTBLK)
		return log_fail(e, "--device %s", a->path);
	if (e < 0)
		return log_fail(e, "find %s", a->path);
	a->fd = open(a->path, O_RDONLY | O_DIRECT | O_CLOEXEC | O_NOCTTY);
	if (a->fd < 0)
		return log_fail(-errno, "open %s", a->path);
	if (ioctl(a->fd, BLKGETSIZE64, &a->size) < 0)
		return log_fail(-errno, "find the size of %s", a->path);
	if (a->size == 0) {
		log_error("%s has no size: there is no medium in it", a->path);
		return -ENOMEDIUM;
	}
	(void)!ioctl(a->fd, BLKSSZGET, &sector);
	a->align = (unsigned int)MAX(sector, 4096);
	a->major = major(d->disk.dev);
	a->minor = minor(d->disk.dev);
	return device_find_mounts(d);
}

static void tell_mounted(const struct backup_device *b, const struct device *d)
{
	if (d->n_mounts == 0 || b->opt.consistent)
		return;
	log_warn("%s is mounted at %s: its image is of no one instant "
		 "(--consistent makes it one)",
		 d->a->path, d->mounts[0].point);
}

static int begin(struct backup_device *b)
{
	const char *at = getenv("TIDEMARK_SOCKET") ?: CONTROL_SOCKET;
	size_t i;
	int e = 0;

	/* a token is kept only with the index, which is empty here */
	if (b->opt.catalog)
		b->index_complete = catalog_use_index(b->opt.catalog);
	if (!at[0] || control_connect(at, &b->socket) < 0) {
		b->socket = -1;
		b->why = "tidemarkd does not run";
	}
	for (i = 0; e == 0 && i < b->devices.n; i++)
		e = open_device(&b->v[i]);
	/* what is in memory only so far belongs to this backup, too */
	for (i = 0; e == 0 && i < b->devices.n; i++) {
		tell_mounted(b, &b->v[i]);
		device_sync(&b->v[i]);
	}
	for (i = 0; e == 0 && i < b->devices.n; i++) {
		ask_first(b, &b->v[i]);
		if (b->opt.consistent)
			e = device_check_still(b, &b->v[i]);
	}
	return e;
}

int backup_device_begin(const struct backup_device_options *opt,
			struct backup_device **out)
{
	struct backup_device *b = calloc(1, sizeof(*b));
	char **paths;
	uint32_t n, i;
	int e = b ? 0 : -ENOMEM;

	paths = archiver_paths(opt->archiver, &n);
	if (e == 0 && n > DEVICES_MAX) {
		log_error("%u devices are more than %d", n, DEVICES_MAX);
		e = -E2BIG;
	}
	if (e == 0) {
		b->opt = *opt;
		memcpy(b->consumer, opt->consumer, sizeof(b->consumer));
		b->opt.consumer = b->consumer;
		b->socket = -1;
		b->devices.v = calloc(n ? n : 1, sizeof(*b->devices.v));
		b->v = calloc(n ? n : 1, sizeof(*b->v));
		e = b->devices.v && b->v ? 0 : -ENOMEM;
	}
	for (i = 0; e == 0 && i < n; i++) {
		b->devices.v[i].fd = -1;
		b->devices.v[i].path = paths[i];
		b->v[i].a = &b->devices.v[i];
		b->devices.n++;
	}
	if (e == 0)
		e = begin(b);
	if (e < 0) {
		backup_device_end(b);
		return e;
	}
	if (opt->consistent) {
		b->devices.next = device_next;
		b->devices.release = device_release;
	}
	b->devices.arg = b;
	archiver_use_devices(opt->archiver, &b->devices);
	*out = b;
	return 0;
}

void backup_device_commit(struct backup_device *b)
{
	CLEANUP_BUF struct buf token = BUF_INIT(CATALOG_TOKEN_MAX);
	int e = b->index_complete ? 0 : tracked_index(b->opt.catalog);

	if (e == 0)
		e = token_encode(b, &token);
	if (e == 0)
		e = catalog_set_token(b->opt.catalog, SPAN_OF(&token));
	if (e < 0)
		log_warn("the next backup reads all: %s", log_strerror(e));
}

void backup_device_end(struct backup_device *b)
{
	size_t i, k;

	if (!b)
		return;
	for (i = 0; i < b->devices.n; i++) {
		struct device *d = &b->v[i];

		for (k = 0; k < d->n_mounts; k++) {
			if (d->mounts[k].freeze)
				(void)!freeze_end(d->mounts[k].freeze, NULL);
			close(d->mounts[k].fd);
			free(d->mounts[k].point);
		}
		dirty_release(&d->dirty);
		dirty_release(&d->later);
		if (d->a->fd >= 0)
			close(d->a->fd);
	}
	if (b->socket >= 0)
		close(b->socket);
	free(b->v);
	free(b->devices.v);
	free(b);
}

const char *backup_device_source(const struct backup_device *b)
{
	size_t i, whole = 0;

	for (i = 0; b && i < b->devices.n; i++)
		whole += b->v[i].a->whole;
	if (whole == 0)
		return "tracker";
	return whole == b->devices.n ? "full read" : "tracker and full read";
}

const char *backup_device_why(const struct backup_device *b)
{
	size_t i;

	for (i = 0; b && i < b->devices.n; i++)
		if (b->v[i].a->whole)
			return b->why
				       ?: "there is no record of the last "
					  "backup here";
	return NULL;
}

bool backup_device_is_still(const struct backup_device *b)
{
	return b && b->opt.consistent && !b->still.failed;
}

void backup_device_tell(const struct backup_device *b)
{
	char passes[48];

	if (!b || !b->opt.consistent || b->still.failed)
		return;
	output_note("instant: one for each device, frozen for %.1f ms, after "
		    "%s\n",
		    (double)b->still.freeze_ns / 1e6,
		    output_count(passes, b->still.passes, "pass more",
				 "passes more"));
}

void backup_device_json(const struct backup_device *b, struct json_out *j)
{
	if (!b || !b->opt.consistent)
		return;
	json_bool(j, "consistent", !b->still.failed);
	json_u64(j, "passes", b->still.passes + b->devices.n);
	json_double(j, "frozen_ms", (double)b->still.freeze_ns / 1e6);
	if (b->still.failed)
		json_str(j, "not_consistent", b->still.why);
}
