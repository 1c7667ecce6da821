/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vault_alerts.c - what an administrator has to know, once; what waits to
 * be sent; strangers in few lines of the audit log.
 */
#include <errno.h>

#include "base/clock.h"
#include "testdir.h"
#include "vault/monitor/alerts.h"
#include "vault/audit.h"
#include "vault/machines/refusals.h"

static struct db *db;
static char clock_file[256];

static void at(const char *time)
{
	assert_int_equal(0, io_replace_file(AT_FDCWD, clock_file,
					    SPAN(time, strlen(time))));
}

static int setup(void **state)
{
	make_dir(state);
	log_set_level(LOG_LEVEL_ERROR);
	snprintf(clock_file, sizeof(clock_file), "%s", in_dir("clock"));
	at("2026-03-01T00:00:00Z");
	clock_use(clock_file);
	return db_open(in_dir("vault.db"), &db);
}

static int teardown(void **state)
{
	clock_use(NULL);
	db_close(db);
	return remove_dir(state);
}

struct seen {
	unsigned int n;
	int64_t id, count, ended, acknowledged;
	char text[100];
};

static int see(void *arg, const struct alert *a)
{
	struct seen *s = arg;

	s->n++;
	s->id = a->id;
	s->count = a->count;
	s->ended = a->ended;
	s->acknowledged = a->acknowledged;
	snprintf(s->text, sizeof(s->text), "%s", a->text);
	return 0;
}

static struct seen look(bool all)
{
	struct seen s = { 0 };

	assert_int_equal(0, alerts_list(db, all, see, &s));
	return s;
}

static int64_t number(const char *sql)
{
	int64_t n = -1;

	assert_int_equal(0, db_number(db, &n, sql, ""));
	return n;
}

static int64_t open_of(enum alert_kind kind)
{
	int64_t open[ALERT_KINDS];

	assert_int_equal(0, alerts_count(db, open));
	return open[kind];
}

static void test_a_condition_is_one_alert_while_it_lasts(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(0, alert_raise(db, ALERT_DISK, "", "first"));
	at("2026-03-09T00:00:00Z");
	assert_int_equal(0, alert_raise(db, ALERT_DISK, "", "second"));
	s = look(false);
	assert_int_equal(1, s.n);
	assert_int_equal(2, s.count);
	assert_string_equal("second", s.text);
	assert_int_equal(1, open_of(ALERT_DISK));
	/* another subject is another one */
	assert_int_equal(0, alert_raise(db, ALERT_DISK, "other", "x"));
	assert_int_equal(2, open_of(ALERT_DISK));
	assert_int_equal(0, alert_clear(db, ALERT_DISK, ""));
	assert_int_equal(1, open_of(ALERT_DISK));
	assert_int_equal(0, alert_raise(db, ALERT_DISK, "", "again"));
	assert_int_equal(3, look(false).n);
	assert_int_equal(0, alert_clear(db, ALERT_QUOTA, "never there"));
}

static void test_an_event_is_counted_for_an_hour(void **state)
{
	(void)state;
	assert_int_equal(0, alert_raise(db, ALERT_DELETE, "m", "x"));
	at("2026-03-01T00:50:00Z");
	assert_int_equal(0, alert_raise(db, ALERT_DELETE, "m", "x"));
	assert_int_equal(1, look(false).n);
	at("2026-03-01T01:40:00Z");
	assert_int_equal(0, alert_raise(db, ALERT_DELETE, "m", "x"));
	assert_int_equal(3, look(false).count);
	at("2026-03-01T02:41:00Z");
	assert_int_equal(0, alert_raise(db, ALERT_DELETE, "m", "x"));
	assert_int_equal(2, look(false).n);
}

static void test_acknowledged_and_forgotten(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(0, alert_raise(db, ALERT_DELETE, "m", "x"));
	s = look(false);
	assert_int_equal(-ENOENT, alert_acknowledge(db, s.id + 1, "t"));
	assert_int_equal(0, alert_acknowledge(db, s.id, "t"));
	assert_int_equal(-ENOENT, alert_acknowledge(db, s.id, "t"));
	assert_int_equal(0, look(false).n);
	assert_int_equal(1, look(true).n);
	assert_int_equal(0, open_of(ALERT_DELETE));
	assert_int_equal(1, number("SELECT COUNT(*) FROM audit WHERE action ="
				   " 'alert/acknowledge'"));
	/* what was acknowledged does not hide the next one */
	assert_int_equal(0, alert_raise(db, ALERT_DELETE, "m", "x"));
	assert_int_equal(1, look(false).n);
	at("2026-10-01T00:00:00Z");
	assert_int_equal(0, alerts_forget(db));
	assert_int_equal(1, look(true).n);
}

static int fail_after_raising(struct db *d, void *arg)
{
	(void)arg;
	assert_int_equal(0, alert_raise(d, ALERT_DELETE, "m", "x"));
	return -EPERM;
}

static void test_what_did_not_happen_raises_nothing(void **state)
{
	(void)state;
	assert_int_equal(-EPERM, db_write(db, fail_after_raising, NULL));
	assert_int_equal(0, look(true).n);
}

static int count_due(void *arg, const struct notice *n)
{
	unsigned int *due = arg;

	(void)n;
	++*due;
	return 0;
}

static unsigned int due(enum alert_channel channel)
{
	unsigned int n = 0;

	assert_int_equal(0, notices_due(db, channel, 5000, count_due, &n));
	return n;
}

static void test_notices_wait_until_sent(void **state)
{
	int64_t n;

	(void)state;
	assert_int_equal(0, alert_raise(db, ALERT_DELETE, "m", "x"));
	assert_int_equal(0, alert_raise(db, ALERT_DELETE, "m", "x"));
	assert_int_equal(1, due(ALERT_MAIL));
	assert_int_equal(1, due(ALERT_WEBHOOK));
	n = look(true).id;
	assert_int_equal(0, notice_later(db, ALERT_MAIL, n, clock_now() + 60));
	assert_int_equal(0, due(ALERT_MAIL));
	db_close(db);
	at("2026-03-01T00:01:00Z");
	assert_int_equal(0, db_open(in_dir("vault.db"), &db));
	assert_int_equal(1, due(ALERT_MAIL));
	assert_int_equal(0, notice_done(db, ALERT_MAIL, n));
	assert_int_equal(0, due(ALERT_MAIL));
	assert_int_equal(1, due(ALERT_WEBHOOK));
	assert_int_equal(0, notices_drop(db, ALERT_WEBHOOK));
	assert_int_equal(0, notices_waiting(db, ALERT_WEBHOOK, &n));
	assert_int_equal(0, n);
}

static int raise_many(struct db *d, void *arg)
{
	char subject[32];
	unsigned int i;
	int e = 0;

	(void)arg;
	for (i = 0; i < NOTICES_MAX + 50 && e == 0; i++) {
		snprintf(subject, sizeof(subject), "machine %u", i);
		e = alert_raise(d, ALERT_MISSED, subject, "x");
	}
	return e;
}

static void test_the_outbox_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(0, db_write(db, raise_many, NULL));
	assert_int_equal(NOTICES_MAX, due(ALERT_MAIL));
	assert_int_equal(NOTICES_MAX, due(ALERT_WEBHOOK));
	assert_int_equal(NOTICES_MAX + 50, look(false).n);
}

/* --- refusals --- */

#define LINES "SELECT COUNT(*) FROM audit"

static void test_a_stranger_gets_few_lines(void **state)
{
	struct refusals *r;
	unsigned int i;

	(void)state;
	assert_int_equal(0, refusals_new(&r));
	for (i = 0; i < 500; i++)
		assert_int_equal(0, refusals_note(r, db, "10.0.0.1", "m", "w"));
	assert_int_equal(REFUSALS_LINES + 1, number(LINES));
	assert_int_equal(1, open_of(ALERT_REFUSED));
	/* others are seen beside it */
	assert_int_equal(0, refusals_note(r, db, "10.0.0.2", "m", "w"));
	assert_int_equal(REFUSALS_LINES + 2, number(LINES));
	assert_int_equal(0, refusals_flush(r, db, false));
	assert_int_equal(REFUSALS_LINES + 2, number(LINES));
	assert_int_equal(0, refusals_flush(r, db, true));
	assert_int_equal(REFUSALS_LINES + 3, number(LINES));
	assert_int_equal(496, number("SELECT CAST(detail AS INTEGER) FROM audit"
				     " WHERE target = 'many'"));
	assert_int_equal(0, refusals_flush(r, db, true));
	assert_int_equal(REFUSALS_LINES + 3, number(LINES));
	refusals_free(r);
}

static void test_any_number_of_addresses(void **state)
{
	struct refusals *r;
	char address[32];
	unsigned int i;

	(void)state;
	assert_int_equal(0, refusals_new(&r));
	for (i = 0; i < 3000; i++) {
		snprintf(address, sizeof(address), "10.0.%u.%u", i / 256,
			 i % 256);
		assert_int_equal(0, refusals_note(r, db, address, "m", "w"));
	}
	assert_int_equal(0, refusals_flush(r, db, true));
	assert_in_range(number(LINES), REFUSALS_ADDRESSES,
			REFUSALS_ADDRESSES + 2);
	refusals_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_a_condition_is_one_alert_while_it_lasts),
		T(test_an_event_is_counted_for_an_hour),
		T(test_acknowledged_and_forgotten),
		T(test_what_did_not_happen_raises_nothing),
		T(test_notices_wait_until_sent),
		T(test_the_outbox_is_bounded),
		T(test_a_stranger_gets_few_lines),
		T(test_any_number_of_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
