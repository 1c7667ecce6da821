/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_keeping.c - what an administrator without a PIN, and a machine
 * with all its keys, cannot lose for others: settings, PINs, protection.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "prng.h"
#include "testdir.h"
#include "vault/audit.h"
#include "vault/retention/collect.h"
#include "vault/machines/machines.h"
#include "vault/retention/pin.h"
#include "vault/retention/policy.h"
#include "vault/retention/retention.h"
#include "vault/retention/settings.h"

#define DAY 86400

static struct vault v; /* db and objects alone */
static char vault[MACHINE_ID_LEN + 1], machine[MACHINE_ID_LEN + 1];
static struct refusal why;
static int64_t start;

static void set_clock(int64_t t)
{
	char text[64];
	time_t sec = (time_t)t;
	struct tm tm;
	FILE *f = fopen(in_dir("clock"), "we");

	assert_non_null(f);
	gmtime_r(&sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fprintf(f, "%s\n", text);
	assert_int_equal(0, fclose(f));
	assert_int_equal(t, clock_now());
}

static void later(int64_t seconds)
{
	set_clock(clock_now() + seconds);
}

static int setup(void **state)
{
	uint8_t secret[CREDENTIAL_LEN] = { 7 };
	struct machine_certificate c = { { 1 }, INT64_MAX, { 2 } };

	make_dir(state);
	start = 1772366400; /* 2026-03-01, a Sunday, 12:00 */
	clock_use(in_dir("clock"));
	set_clock(start);
	assert_int_equal(0, db_open(in_dir("vault.db"), &v.db));
	assert_int_equal(0, objects_open(v.db, in_dir("r"), &v.objects));
	assert_int_equal(0, vault_add(v.db, "default", vault));
	assert_int_equal(0,
			 credential_add(v.db, vault, secret, INT64_MAX, "t"));
	uuid_make(machine);
	assert_int_equal(0, objects_add_machine(v.objects, machine));
	assert_int_equal(0, machine_register(v.db, secret, machine, "m", &c));
	why = (struct refusal){ "", "" };
	return 0;
}

static int teardown(void **state)
{
	struct audit_verdict verdict;

	assert_int_equal(0, audit_verify(v.db, &verdict));
	assert_int_equal(0, verdict.wrong);
	objects_close(v.objects);
	db_close(v.db);
	clock_use(NULL);
	return remove_dir(state);
}

static int64_t count(const char *sql)
{
	int64_t n;

	assert_int_equal(0, db_number(v.db, &n, sql, ""));
	return n;
}

static int put(enum store_class cls, char *name, const char *text)
{
	struct object_writer *w;

	assert_int_equal(0, object_writer_open(v.objects, machine, cls, &w));
	assert_int_equal(0, object_writer_append(w, SPAN(text, strlen(text))));
	return object_writer_commit(w, name);
}

static void point(uint64_t n)
{
	char snap[STORE_NAME_MAX + 1] = "", head[STORE_NAME_MAX + 1], text[32];

	snprintf(text, sizeof(text), "snapshot %d", (int)n);
	assert_int_equal(0, put(STORE_SNAPSHOT, snap, text));
	snprintf(head, sizeof(head), "%016llx", (unsigned long long)n);
	assert_int_equal(0, put(STORE_HEAD, head, text));
}

static struct collected collected(void)
{
	struct collected c;

	assert_int_equal(0, collect(&v, true, &c));
	return c;
}

static struct vault_settings settings(void)
{
	struct vault_settings s;

	assert_int_equal(0, vault_settings_get(v.db, vault, &s));
	return s;
}

static int set(const struct vault_settings *s)
{
	return vault_settings_set(v.db, vault, s, "t", &why);
}

static enum protection_state state_now(void)
{
	struct protection p;
	int e = protection_get(v.db, machine, &p);

	return e == -ENOENT ? PROTECTION_PURGED : p.state;
}

static int delete_with_pin(void)
{
	struct pin pin;

	assert_int_equal(0, pin_make(v.db, vault, "t", &pin));
	return protection_delete(v.db, machine, pin.digits, "t", &why);
}

#define assert_refused(code_, call)                                            \
	do {                                                                   \
		int64_t before_ = count("SELECT COUNT(*) FROM audit"           \
					" WHERE outcome = 'refused'");         \
		assert_int_equal(-EPERM, call);                                \
		assert_string_equal(code_, why.code);                          \
		assert_true(count("SELECT COUNT(*) FROM audit"                 \
				  " WHERE outcome = 'refused'") > before_);    \
	} while (0)

/* --- settings --- */

static void test_settings_begin_safe(void **state)
{
	struct vault_settings s = settings();

	(void)state;
	assert_int_equal(SETTING_ENABLED, s.soft_delete);
	assert_int_equal(14, s.soft_delete_days);
	assert_int_equal(IMMUTABILITY_DISABLED, s.immutability);
	assert_int_equal(SETTING_ENABLED, s.enhanced);
	assert_int_equal(-ENOENT, vault_settings_get(v.db, "none", &s));
}

static void test_what_is_forever_is_forever(void **state)
{
	struct vault_settings s = settings();

	(void)state;
	s.immutability = IMMUTABILITY_LOCKED;
	assert_refused("ImmutabilityNotUnlocked", set(&s));
	s.immutability = IMMUTABILITY_UNLOCKED;
	assert_int_equal(0, set(&s));
	s.immutability = IMMUTABILITY_DISABLED;
	assert_int_equal(0, set(&s));
	s.immutability = IMMUTABILITY_UNLOCKED;
	s.soft_delete_days = 20;
	assert_int_equal(0, set(&s));
	s.immutability = IMMUTABILITY_LOCKED;
	assert_int_equal(0, set(&s));
	s.immutability = IMMUTABILITY_UNLOCKED;
	assert_refused("ImmutabilityLocked", set(&s));
	s.immutability = IMMUTABILITY_LOCKED;
	s.soft_delete = SETTING_DISABLED;
	assert_refused("ImmutabilityLocked", set(&s));
	s.soft_delete = SETTING_ENABLED;
	s.soft_delete_days = 19;
	assert_refused("ImmutabilityLocked", set(&s));
	s.soft_delete_days = 13;
	assert_refused("InvalidSoftDeleteDays", set(&s));
	s.soft_delete_days = 181;
	assert_refused("InvalidSoftDeleteDays", set(&s));
	s.soft_delete_days = 180;
	s.soft_delete = SETTING_ALWAYS_ON;
	s.enhanced = SETTING_ALWAYS_ON;
	assert_int_equal(0, set(&s));
	s.soft_delete = SETTING_ENABLED;
	assert_refused("SoftDeleteAlwaysOn", set(&s));
	s.soft_delete = SETTING_ALWAYS_ON;
	s.enhanced = SETTING_DISABLED;
	assert_refused("EnhancedSecurityAlwaysOn", set(&s));
	assert_int_equal(SETTING_ALWAYS_ON, settings().enhanced);
}

static void test_words(void **state)
{
	enum setting_state s;
	enum immutability i;

	(void)state;
	assert_true(setting_state_parse("AlwaysOn", &s));
	assert_string_equal("AlwaysON", setting_state_text(s));
	assert_true(immutability_parse("unlocked", &i));
	assert_string_equal("Unlocked", immutability_text(i));
	assert_false(setting_state_parse("Invalid", &s));
	assert_false(immutability_parse("", &i));
}

/* Turned off now, it holds for what is deleted until its time is over. */
static void test_turning_off_gains_nothing_at_once(void **state)
{
	struct vault_settings s = settings();
	struct protection p;

	(void)state;
	point(1);
	s.soft_delete = SETTING_DISABLED;
	s.enhanced = SETTING_DISABLED;
	assert_int_equal(0, set(&s));
	assert_refused("SecurityPinNeeded",
		       protection_delete(v.db, machine, NULL, "t", &why));
	later(10 * DAY);
	assert_int_equal(0, delete_with_pin());
	assert_int_equal(0, protection_get(v.db, machine, &p));
	assert_int_equal(start + 14 * DAY, p.purge_after);
	later(3 * DAY);
	assert_int_equal(0, collected().purged);
	assert_int_equal(0, protection_undelete(v.db, machine, "t", &why));
	/* now it is over: no PIN, and gone at once */
	later(2 * DAY);
	assert_int_equal(0, protection_delete(v.db, machine, NULL, "t", &why));
	assert_int_equal(1, collected().purged);
}

static void test_shorter_holds_what_was_longer(void **state)
{
	struct vault_settings s = settings();
	struct protection p;

	(void)state;
	s.soft_delete_days = 180;
	assert_int_equal(0, set(&s));
	s.soft_delete_days = 14;
	assert_int_equal(0, set(&s));
	later(DAY);
	assert_int_equal(0, delete_with_pin());
	assert_int_equal(0, protection_get(v.db, machine, &p));
	assert_int_equal(start + 180 * DAY, p.purge_after);
}

/* --- PIN --- */

static void test_a_pin_is_good_once(void **state)
{
	struct pin a, b;

	(void)state;
	assert_int_equal(-EACCES, pin_use(v.db, vault, "000000", "t"));
	assert_int_equal(-ENOENT, pin_make(v.db, "none", "t", &a));
	assert_int_equal(0, pin_make(v.db, vault, "t", &a));
	assert_int_equal(6, strspn(a.digits, "0123456789"));
	assert_int_equal(6, strlen(a.digits));
	assert_int_equal(start + 300, a.expires);
	assert_int_equal(0, count("SELECT COUNT(*) FROM audit WHERE detail <>"
				  " '' AND action LIKE 'pin/%'"));
	assert_int_equal(0, pin_use(v.db, vault, a.digits, "t"));
	assert_int_equal(-EACCES, pin_use(v.db, vault, a.digits, "t"));
	/* the newest alone */
	assert_int_equal(0, pin_make(v.db, vault, "t", &a));
	do
		assert_int_equal(0, pin_make(v.db, vault, "t", &b));
	while (!strcmp(a.digits, b.digits));
	assert_int_equal(-EACCES, pin_use(v.db, vault, a.digits, "t"));
	assert_int_equal(0, pin_use(v.db, vault, b.digits, "t"));
}

static void test_a_pin_is_short_lived(void **state)
{
	struct pin a;

	(void)state;
	assert_int_equal(0, pin_make(v.db, vault, "t", &a));
	later(300);
	assert_int_equal(-EACCES, pin_use(v.db, vault, a.digits, "t"));
	assert_int_equal(0, pin_make(v.db, vault, "t", &a));
	later(299);
	assert_int_equal(0, pin_use(v.db, vault, a.digits, "t"));
}

static void test_guesses_are_counted(void **state)
{
	struct pin a;
	char wrong[7];
	int i;

	(void)state;
	assert_int_equal(0, pin_make(v.db, vault, "t", &a));
	strcpy(wrong, a.digits);
	wrong[5] = (char)(wrong[5] == '9' ? '0' : wrong[5] + 1);
	for (i = 0; i < PIN_TRIES - 1; i++)
		assert_int_equal(-EACCES,
				 pin_use(v.db, vault, i ? wrong : "x", "t"));
	assert_int_equal(0, pin_use(v.db, vault, a.digits, "t"));
	assert_int_equal(0, pin_make(v.db, vault, "t", &a));
	strcpy(wrong, a.digits);
	wrong[5] = (char)(wrong[5] == '9' ? '0' : wrong[5] + 1);
	for (i = 0; i < PIN_TRIES; i++)
		assert_int_equal(-EACCES, pin_use(v.db, vault, wrong, "t"));
	assert_int_equal(-EACCES, pin_use(v.db, vault, a.digits, "t"));
}

static void test_ticks(void **state)
{
	(void)state;
	/* an example of the REST API's documentation */
	assert_int_equal(636495150137443121 / 10000000 * 10000000,
			 pin_ticks(1513918213));
}

/* --- protection --- */

static void test_stopped_keeps_all(void **state)
{
	char pack[STORE_NAME_MAX + 1] = "", other[STORE_NAME_MAX + 1] = "";
	char head[] = "0000000000000003";
	uint64_t size;

	(void)state;
	assert_int_equal(0, put(STORE_PACK, pack, "data"));
	point(1);
	point(2);
	assert_int_equal(0, protection_stop(v.db, machine, "t", &why));
	assert_refused("ProtectionStopped",
		       protection_stop(v.db, machine, "t", &why));
	assert_int_equal(-EROFS, put(STORE_PACK, other, "more"));
	assert_int_equal(-EROFS, put(STORE_HEAD, head, "head"));
	assert_int_equal(-EROFS,
			 objects_drop(v.objects, machine, STORE_PACK, pack));
	assert_int_equal(0, objects_stat(v.objects, machine, STORE_PACK, pack,
					 AS_OF_NOW, &size));
	later(5000 * (int64_t)DAY);
	assert_int_equal(0, collected().points);
	assert_int_equal(2, count("SELECT COUNT(*) FROM point"));
	assert_int_equal(0, protection_resume(v.db, machine, "t", &why));
	assert_refused("AlreadyProtected",
		       protection_resume(v.db, machine, "t", &why));
	point(3);
	assert_int_equal(2, collected().points);
}

static void test_deleted_comes_back_whole(void **state)
{
	char pack[STORE_NAME_MAX + 1] = "", byte;
	char text[32];
	struct protection p;

	(void)state;
	assert_int_equal(0, put(STORE_PACK, pack, "data"));
	point(1);
	assert_int_equal(0, objects_drop(v.objects, machine, STORE_PACK, pack));
	point(2);
	assert_refused("ItemNotDeleted",
		       protection_undelete(v.db, machine, "t", &why));
	assert_int_equal(0, delete_with_pin());
	assert_refused("ItemSoftDeleted", delete_with_pin());
	assert_refused("ItemSoftDeleted",
		       protection_resume(v.db, machine, "t", &why));
	assert_int_equal(0, protection_get(v.db, machine, &p));
	assert_true(protection_is_deferred(&p));
	assert_string_equal("ProtectionStopped", protection_text(p.state));
	assert_string_equal("14.00:00:00",
			    protection_remaining(&p, clock_now(), text));
	assert_string_equal("13.23:59:58",
			    protection_remaining(&p, clock_now() + 2, text));
	later(14 * DAY - 1);
	assert_refused("ItemSoftDeleted",
		       protection_purge(v.db, machine, "t", &why));
	assert_int_equal(0, collected().purged);
	assert_int_equal(0, protection_undelete(v.db, machine, "t", &why));
	assert_int_equal(PROTECTION_STOPPED, state_now());
	assert_int_equal(0, objects_read(v.objects, machine, STORE_PACK, pack,
					 0, &byte, 1));
	assert_int_equal(2, count("SELECT COUNT(*) FROM point"));
	later(100 * DAY);
	assert_int_equal(0, collected().purged);
}

static void test_purged_is_gone(void **state)
{
	char pack[STORE_NAME_MAX + 1] = "";

	(void)state;
	assert_int_equal(0, put(STORE_PACK, pack, "data"));
	point(1);
	assert_int_equal(0, delete_with_pin());
	later(14 * DAY);
	assert_int_equal(0, protection_purge(v.db, machine, "t", &why));
	assert_refused("ItemPurged",
		       protection_undelete(v.db, machine, "t", &why));
	assert_int_equal(1, collected().purged);
	assert_int_equal(PROTECTION_PURGED, state_now());
	assert_int_equal(0, count("SELECT COUNT(*) FROM object"));
	assert_int_equal(0, count("SELECT COUNT(*) FROM point"));
	assert_int_equal(-ENOENT, put(STORE_PACK, pack, "data"));
	assert_int_equal(-ENOENT,
			 protection_undelete(v.db, machine, "t", &why));
	assert_int_equal(0, count("SELECT COUNT(*) FROM certificate"
				  " WHERE revoked IS NULL"));
	assert_int_equal(0, collected().purged);
}

static void test_a_pin_is_not_spent_in_vain(void **state)
{
	struct vault_settings s = settings();
	struct pin pin;

	(void)state;
	point(1);
	s.immutability = IMMUTABILITY_UNLOCKED;
	assert_int_equal(0, set(&s));
	assert_int_equal(0, pin_make(v.db, vault, "t", &pin));
	assert_refused("810001",
		       protection_delete(v.db, machine, pin.digits, "t", &why));
	s.immutability = IMMUTABILITY_DISABLED;
	assert_int_equal(0, set(&s));
	assert_refused("SecurityPinInvalid",
		       protection_delete(v.db, machine, "999", "t", &why));
	assert_int_equal(0, protection_delete(v.db, machine, pin.digits, "t",
					      &why));
}

static int see_machine(void *arg, const struct machine *m)
{
	struct machine *out = arg;

	*out = *m;
	return 0;
}

static void test_a_machine_is_listed(void **state)
{
	struct machine m = { .points = -1 };

	(void)state;
	point(1);
	assert_int_equal(0, machines_list(v.db, see_machine, &m));
	assert_int_equal(1, m.points);
	assert_int_equal(start, m.newest);
	assert_int_equal(2 * strlen("snapshot 1"), m.bytes);
	assert_int_equal(PROTECTED, m.state);
	assert_int_equal(0, m.purge_after);
	assert_int_equal(0, delete_with_pin());
	assert_int_equal(0, machines_list(v.db, see_machine, &m));
	assert_int_equal(PROTECTION_DELETED, m.state);
	assert_int_equal(start + 14 * DAY, m.purge_after);
}

/* Also what was deleted before. */
static void test_immutable_is_kept_by_its_policy(void **state)
{
	struct vault_settings s = settings();
	static const struct gfs forty = { .days = 40 };

	(void)state;
	assert_int_equal(0, policy_add(v.db, vault, "forty", &forty, "t"));
	assert_int_equal(0, policy_assign(v.db, machine, "forty", "t"));
	point(1);
	assert_int_equal(0, delete_with_pin());
	s.immutability = IMMUTABILITY_UNLOCKED;
	assert_int_equal(0, set(&s));
	later(20 * DAY);
	assert_refused("810001", protection_purge(v.db, machine, "t", &why));
	assert_int_equal(0, collected().purged);
	assert_int_equal(0, protection_undelete(v.db, machine, "t", &why));
	later(30 * DAY); /* the newest is kept, but by no policy */
	assert_int_equal(0, delete_with_pin());
	later(14 * DAY);
	assert_int_equal(1, collected().purged);
}

/* --- policies --- */

static void test_a_lowered_policy_is_held(void **state)
{
	static const struct gfs week = { .days = 7 };
	struct gfs before;
	int i;

	(void)state;
	assert_int_equal(0, policy_of_machine(v.db, machine, &before));
	for (i = 1; i <= 20; i++) {
		point((uint64_t)i);
		later(DAY);
	}
	assert_int_equal(0, policy_change(v.db, vault, POLICY_DEFAULT, &week,
					  "t"));
	later(13 * DAY);
	/* of 33 days the first ones are older than 30; the first stands for
	 * the first of the month and a Sunday, others for Sundays */
	assert_int_equal(3, collected().points);
	/* put right in time, nothing more is lost */
	assert_int_equal(0, policy_change(v.db, vault, POLICY_DEFAULT, &before,
					  "t"));
	assert_int_equal(0, collected().points);
	assert_int_equal(0, policy_change(v.db, vault, POLICY_DEFAULT, &week,
					  "t"));
	later(15 * DAY);
	assert_int_equal(16, collected().points);
	assert_int_equal(0, count("SELECT COUNT(*) FROM retention_held"));
}

static void test_an_immutable_policy_is_not_lowered(void **state)
{
	static const struct gfs week = { .days = 7 };
	struct vault_settings s = settings();
	struct gfs more = policy_default;

	(void)state;
	s.immutability = IMMUTABILITY_UNLOCKED;
	assert_int_equal(0, set(&s));
	assert_int_equal(-EPERM, policy_change(v.db, vault, POLICY_DEFAULT,
					       &week, "t"));
	assert_int_equal(0, policy_add(v.db, vault, "week", &week, "t"));
	assert_int_equal(-EPERM, policy_assign(v.db, machine, "week", "t"));
	more.days = 31;
	assert_int_equal(0, policy_change(v.db, vault, POLICY_DEFAULT, &more,
					  "t"));
	assert_int_equal(2, count("SELECT COUNT(*) FROM audit WHERE outcome ="
				  " 'refused' AND detail = '810001'"));
}

static void test_a_policy_keeps_the_least(void **state)
{
	static const struct gfs day = { .days = 1 };
	struct vault_settings s = settings();

	(void)state;
	assert_int_equal(-ERANGE, policy_add(v.db, vault, "day", &day, "t"));
	assert_int_equal(-ERANGE,
			 policy_change(v.db, vault, POLICY_DEFAULT, &day, "t"));
	s.enhanced = SETTING_DISABLED;
	assert_int_equal(0, set(&s));
	assert_int_equal(-ERANGE, policy_add(v.db, vault, "day", &day, "t"));
	later(14 * DAY);
	assert_int_equal(0, policy_add(v.db, vault, "day", &day, "t"));
}

static void test_lowered_again_and_again(void **state)
{
	struct gfs g = policy_default;
	int i;

	(void)state;
	for (i = 0; i < RETENTION_HELD_MAX; i++) {
		g.days--;
		assert_int_equal(0, policy_change(v.db, vault, POLICY_DEFAULT,
						  &g, "t"));
	}
	g.days--;
	assert_int_equal(-EBUSY,
			 policy_change(v.db, vault, POLICY_DEFAULT, &g, "t"));
	later(14 * DAY);
	assert_int_equal(0,
			 policy_change(v.db, vault, POLICY_DEFAULT, &g, "t"));
}

/* --- what lowers --- */

static struct gfs random_gfs(uint64_t *p)
{
	struct gfs g = { .days = 1 + (unsigned int)(prng_next(p) % 4) };
	unsigned int u;

	for (u = BY_WEEK; u <= BY_YEAR; u++) {
		struct gfs_rule *r = &g.rules[u];

		r->count = (unsigned int)(prng_next(p) % 3);
		if (u == BY_YEAR)
			r->months = (uint16_t)(1u << prng_next(p) % 3 |
					       1u << prng_next(p) % 3);
		if (u != BY_WEEK && prng_next(p) % 2) {
			r->days = 1u << prng_next(p) % 29 |
				  1u << prng_next(p) % 29;
			continue;
		}
		r->weekdays = (uint8_t)(1u << prng_next(p) % 7 |
					1u << prng_next(p) % 7);
		if (u != BY_WEEK)
			r->weeks = (uint8_t)(1u << prng_next(p) % 5 |
					     1u << prng_next(p) % 5);
	}
	return g;
}

/* A little more, or less, or another. */
static void vary(uint64_t *p, struct gfs *g)
{
	struct gfs_rule *r = &g->rules[prng_next(p) % 3];

	switch (prng_next(p) % 6) {
	case 0:
		g->days += (unsigned int)(prng_next(p) % 2);
		break;
	case 1:
		r->count += (unsigned int)(prng_next(p) % 2);
		break;
	case 2:
		if (r->days)
			r->days |= 1u << prng_next(p) % 29;
		break;
	case 3:
		if (!r->days)
			r->weekdays |= (uint8_t)(1u << prng_next(p) % 7);
		break;
	case 4:
		if (r->weeks)
			r->weeks |= (uint8_t)(1u << prng_next(p) % 5);
		break;
	default:
		if (r->months)
			r->months |= (uint16_t)(1u << prng_next(p) % 12);
	}
}

#define POINTS 160

/* What does not lower keeps all that was kept, at any time. */
static void test_what_does_not_lower_keeps_all(void **state)
{
	uint64_t p = 20261122;
	unsigned int a[POINTS], b[POINTS];
	int64_t times[POINTS];
	int n, i, raised = 0;

	(void)state;
	for (n = 0; n < 3000; n++) {
		struct gfs from = random_gfs(&p), to = from;
		int64_t t = start + (int64_t)(prng_next(&p) % 700) * DAY;

		vary(&p, &to);
		vary(&p, &to);
		if (n % 5 == 0)
			to = random_gfs(&p);
		if (gfs_lowers(&from, &to))
			continue;
		raised++;
		for (i = 0; i < POINTS; i++) {
			t += (int64_t)(prng_next(&p) % (5 * DAY));
			times[i] = t;
		}
		t = times[prng_next(&p) % POINTS] +
		    (int64_t)(prng_next(&p) % (400 * DAY));
		gfs_apply(&from, times, POINTS, t, a);
		gfs_apply(&to, times, POINTS, t, b);
		for (i = 0; i < POINTS; i++)
			assert_false(a[i] && !b[i]);
	}
	assert_true(raised > 500);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_settings_begin_safe),
		TEST(test_what_is_forever_is_forever),
		TEST(test_words),
		TEST(test_turning_off_gains_nothing_at_once),
		TEST(test_shorter_holds_what_was_longer),
		TEST(test_a_pin_is_good_once),
		TEST(test_a_pin_is_short_lived),
		TEST(test_guesses_are_counted),
		TEST(test_ticks),
		TEST(test_stopped_keeps_all),
		TEST(test_deleted_comes_back_whole),
		TEST(test_purged_is_gone),
		TEST(test_a_pin_is_not_spent_in_vain),
		TEST(test_a_machine_is_listed),
		TEST(test_immutable_is_kept_by_its_policy),
		TEST(test_a_lowered_policy_is_held),
		TEST(test_an_immutable_policy_is_not_lowered),
		TEST(test_a_policy_keeps_the_least),
		TEST(test_lowered_again_and_again),
		TEST(test_what_does_not_lower_keeps_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
