/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_settings.c - tidemarkd.conf: what it says, and each mistake by line.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "settings/settings.h"
#include "testdir.h"

#define WHOLE "path = /srv\nrepository = /mnt/r\npassphrase-command = cat /p\n"

static int parse(struct settings *s, const char *text)
{
	int e;

	settings_init(s);
	e = settings_parse(s, "F", SPAN(text, strlen(text)));
	return e == 0 ? settings_finish(s) : e;
}

static void good(struct settings *s, const char *text)
{
	if (parse(s, text) != 0)
		fail_msg("%s", s->mistakes.v[0]);
	assert_int_equal(s->mistakes.n, 0);
}

/* The one mistake of the text begins with this. */
static void bad(const char *text, const char *start)
{
	struct settings s;

	assert_int_equal(parse(&s, text), -EINVAL);
	if (s.mistakes.n != 1 ||
	    strncmp(s.mistakes.v[0], start, strlen(start)) != 0)
		fail_msg("%zu: %s", s.mistakes.n,
			 s.mistakes.n ? s.mistakes.v[0] : "");
	settings_release(&s);
}

static void test_what_a_file_says(void **state)
{
	struct settings s;
	const struct settings_schedule *sc;

	(void)state;
	good(&s, "# comment\n; another\n[daemon]\n"
		 "  socket = /run/x\n"
		 "\tmax-inodes=1000\r\n"
		 "tracking = no\n"
		 "[track]\npath = /srv\npath: /home\n"
		 "[schedule nightly]\n"
		 "path = /srv\npath = /home\n"
		 "repository = /mnt/disk; no comment # here\n"
		 "passphrase-command = pass show 'a=b'\n"
		 "at = 18:00, 06:00\ndays = mon-fri\n"
		 "every-weeks = 2\nstarting = 2026-01-05\n"
		 "random-delay = 10m\ncatch-up = no\n"
		 "exclude = *.o\nexclude = /srv/tmp\none-file-system = yes\n"
		 "tag = a,b\nhost = there\ncompression = max\n"
		 "on-battery = hold\npressure = 40%\nhold-at-most = forever\n"
		 "before = true\nafter = false\nhook-timeout = 1h\n"
		 "nice = 19\nio-class = idle\ntime-limit = 2h\n"
		 "keep-daily = 7\nkeep-weekly = unlimited\nprune = yes\n");
	assert_string_equal(s.socket, "/run/x");
	assert_int_equal(s.max_inodes, 1000);
	assert_false(s.tracking);
	assert_int_equal(s.track.n, 2);
	assert_string_equal(s.track.v[1], "/home");
	assert_int_equal(s.n_schedules, 1);
	sc = settings_find(&s, "nightly");
	assert_non_null(sc);
	assert_string_equal(sc->where, "F:10");
	assert_string_equal(sc->paths.v[0], "/srv");
	assert_null(sc->paths.v[2]);
	assert_string_equal(sc->repository, "/mnt/disk; no comment # here");
	assert_string_equal(sc->passphrase_command, "pass show 'a=b'");
	assert_int_equal(sc->rule.n_at, 2);
	assert_int_equal(sc->rule.at[0], 360);
	assert_int_equal(sc->rule.days, 0x1f);
	assert_int_equal(sc->rule.every_weeks, 2);
	assert_int_equal(sc->rule.delay_s, 600);
	assert_false(sc->rule.catch_up);
	assert_int_equal(sc->options.n, 6);
	assert_string_equal(sc->options.v[0], "--exclude=*.o");
	assert_string_equal(sc->options.v[2], "--one-file-system");
	assert_string_equal(sc->options.v[5], "--compression=max");
	assert_true(sc->hold_on_battery);
	assert_int_equal(sc->pressure, 40);
	assert_true(sc->hold_at_most_s == SETTINGS_FOREVER);
	assert_string_equal(sc->before, "true");
	assert_int_equal(sc->hook_timeout_s, 3600);
	assert_int_equal(sc->time_limit_s, 7200);
	assert_int_equal(sc->nice, 19);
	assert_string_equal(sc->keep.v[1], "--keep-weekly=unlimited");
	assert_true(sc->prune);
	settings_release(&s);
	good(&s, "");
	settings_release(&s);
	good(&s, "[schedule x]\nevery = 1m\n" WHOLE);
	assert_int_equal(s.schedules[0].rule.every_s, 60);
	assert_true(s.schedules[0].rule.catch_up);
	assert_true(s.schedules[0].enabled);
	settings_release(&s);
}

static void test_each_mistake_has_its_line(void **state)
{
	static const struct {
		const char *key, *start;
	} values[] = {
		{ "path = srv", "path = srv: must be a path that starts" },
		{ "at = 25:00", "at = 25:00: a time of the day lies between" },
		{ "days = foo", "days = foo: must be days of the week" },
		{ "every-weeks = 0", "every-weeks = 0: must be a number" },
		{ "starting = 2026-02-30",
		  "starting = 2026-02-30: there is no such day" },
		{ "random-delay = 5", "random-delay = 5: must be a time like" },
		{ "catch-up = maybe", "catch-up = maybe: must be yes or no" },
		{ "on-battery = no", "on-battery = no: must be hold or run" },
		{ "pressure = 0%", "pressure = 0%: must be a percentage" },
		{ "pressure = 101%", "pressure = 101%: must be a percentage" },
		{ "hold-at-most = never",
		  "hold-at-most = never: must be a time like 90s, 15m, 1h30m, "
		  "2d or 1w, or forever" },
		{ "nice = -5", "nice = -5: must be a number from 0 to 19" },
		{ "nice = 20", "nice = 20: must be a number from 0 to 19" },
		{ "io-class = realtime",
		  "io-class = realtime: must be one of idle best-effort" },
		{ "exclude-file = x", "exclude-file = x: must be a path" },
		{ "exclude-larger-than = big",
		  "exclude-larger-than = big: must be a size" },
		{ "one-file-system = 1",
		  "one-file-system = 1: must be yes or no" },
		{ "compression = best",
		  "compression = best: must be off fast auto max or a number "
		  "from 1 to 19" },
		{ "read-concurrency = 0",
		  "read-concurrency = 0: must be a number from 1 to 128" },
		{ "keep-daily = -1", "keep-daily = -1: must be unlimited or" },
		{ "before =", "before = : there is no value" },
		{ "password-file = /x",
		  "there is no key 'password-file' in [schedule NAME]; there "
		  "are path, repository, " },
		{ "nonsense", "must be [section], key = value, or a comment" },
		{ "= 5", "the key before the = is missing" },
		{ "repository = /again", "repository is given a second time" },
	};
	char text[512], start[512];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(values); i++) {
		snprintf(text, sizeof(text),
			 "\n[schedule x]\n" WHOLE "every = 5m\n%s\n\n",
			 values[i].key);
		snprintf(start, sizeof(start), "F:7: %s", values[i].start);
		bad(text, start);
	}
	bad("[daemon]\nsocket = x\n", "F:2: socket = x: must be a path");
	bad("[daemon]\nmax-inodes = 0\n", "F:2: max-inodes = 0: must be a num");
	bad("[daemon]\nat = 06:00\n", "F:2: there is no key 'at' in [daemon]; "
				      "there are socket, state-dir");
	bad("[track]\nfs = /\n", "F:2: there is no key 'fs' in [track]; there "
				 "are path");
	bad("[foo]\nx = y\n", "F:1: there is no section [foo]; there are "
			      "[daemon], [track] and [schedule NAME]");
	bad("x = y\n[daemon]\n", "F:1: stands before the first [section]");
	bad("[daemon\n", "F:1: a section must look like [name]");
	bad("[daemon] x\n", "F:1: a section must look like [name]");
	bad("[]\n", "F:1: a section's name has 1 to 49 bytes");
	bad("[schedule a b]\nat = 1\n", "F:1: the name of a schedule has");
	bad("[schedule ]\n", "F:1: the name of a schedule has");
	bad("[schedule a/b]\n", "F:1: the name of a schedule has");
	bad("[schedule 01234567890123456789012345678901234567890123456789]\n",
	    "F:1: a section's name has 1 to 49 bytes");
}

static void test_what_belongs_together_is_there(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(parse(&s, "[schedule x]\n"), -EINVAL);
	assert_int_equal(s.mistakes.n, 4);
	settings_release(&s);
	bad("[schedule x]\n" WHOLE, "F:1: [schedule x] needs at = 06:00");
	bad("[schedule x]\n" WHOLE "at = 06:00\nevery = 5m\n",
	    "F:1: [schedule x] has at and every");
	bad("[schedule x]\n" WHOLE "at = 06:00\nevery-weeks = 2\n",
	    "F:1: [schedule x] has every-weeks, and needs starting");
	bad("[schedule x]\n" WHOLE "every = 5m\nrandom-delay = 5m\n",
	    "F:1: [schedule x] has a random-delay that is not shorter");
	bad("[schedule x]\n" WHOLE "at = 06:00\nprune = yes\n",
	    "F:1: [schedule x] has prune, and needs keep-daily");
	bad("[schedule x]\n" WHOLE "at = 06:00\npassphrase-file = /nowhere\n",
	    "F:1: [schedule x] has passphrase-file and passphrase-command");
	bad("[schedule x]\n" WHOLE "every = 59s\n",
	    "F:5: every = 59s: is less than 1m");
	bad("[schedule x]\n" WHOLE "every = 25h\n",
	    "F:5: every = 25h: is more than 1d");
}

static void test_all_mistakes_are_told(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(parse(&s, "[daemon]\nfoo = 1\nsocket = x\n"
				   "[track]\npath = y\nbar\n"),
			 -EINVAL);
	assert_int_equal(s.mistakes.n, 4);
	assert_string_equal(s.mistakes.v[3],
			    "F:6: must be [section], key = value, or a comment "
			    "that starts with #");
	settings_release(&s);
}

static void test_lines_that_libinih_would_misread_are_told(void **state)
{
	char text[9000];
	struct settings s;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "[daemon]\nsocket = /", 19);
	text[sizeof(text) - 1] = '\0';
	bad(text, "F:2: the line is longer than 8000 bytes");
	/* as long as it may be */
	text[9 + 8000] = '\0';
	good(&s, text);
	assert_int_equal(strlen(s.socket), 8000 - 9);
	settings_release(&s);
	settings_init(&s);
	assert_int_equal(settings_parse(&s, "F",
					SPAN("[daemon]\nso\0=/x\n", 16)),
			 -EINVAL);
	assert_string_equal(s.mistakes.v[0],
			    "F:2: a zero byte: this is no text");
	settings_release(&s);
	good(&s, "\xef\xbb\xbf[daemon]\nsocket = /x");
	assert_string_equal(s.socket, "/x");
	settings_release(&s);
}

static void test_drop_ins_come_by_name_and_replace(void **state)
{
	struct settings s;

	(void)state;
	put_file("c.conf", "[daemon]\nsocket = /a\n[schedule x]\n" WHOLE
			   "at = 06:00\nscan = yes\ntag = a\n");
	assert_int_equal(mkdirat(dirfd_, "c.conf.d", 0700), 0);
	put_file("c.conf.d/20.conf", "[daemon]\nsocket = /c\n");
	put_file("c.conf.d/10.conf", "[daemon]\nsocket = /b\n[schedule x]\n"
				     "at = 07:00\nscan = no\npath = /more\n");
	put_file("c.conf.d/30.conf~", "[nonsense]\n");
	put_file("c.conf.d/.40.conf", "[nonsense]\n");
	settings_init(&s);
	assert_int_equal(settings_load(&s, in_dir("c.conf"), true), 0);
	assert_string_equal(s.socket, "/c");
	assert_int_equal(s.schedules[0].rule.at[0], 7 * 60);
	assert_int_equal(s.schedules[0].rule.n_at, 1);
	assert_int_equal(s.schedules[0].paths.n, 2);
	assert_int_equal(s.schedules[0].options.n, 1);
	settings_release(&s);
}

static void test_a_file_that_is_not_there(void **state)
{
	struct settings s;

	(void)state;
	settings_init(&s);
	assert_int_equal(settings_load(&s, in_dir("none"), false), 0);
	assert_int_equal(settings_load(&s, in_dir("none"), true), -EINVAL);
	assert_non_null(
		strstr(s.mistakes.v[0], "none: cannot be read: No such file"));
	settings_release(&s);
}

static void test_files_that_others_may_write_are_refused(void **state)
{
	struct settings s;
	char text[512];

	(void)state;
	put_file("c.conf", "");
	assert_int_equal(fchmodat(dirfd_, "c.conf", 0664, 0), 0);
	settings_init(&s);
	assert_int_equal(settings_load(&s, in_dir("c.conf"), true), -EINVAL);
	assert_non_null(strstr(s.mistakes.v[0],
			       "c.conf: others than its owner may write it "
			       "(mode 664): chmod go-w"));
	settings_release(&s);
	put_file("pass", "secret");
	snprintf(text, sizeof(text),
		 "[schedule x]\npath = /srv\nrepository = /r\nat = 06:00\n"
		 "passphrase-file = %s\n",
		 in_dir("pass"));
	good(&s, text);
	settings_release(&s);
	assert_int_equal(fchmodat(dirfd_, "pass", 0644, 0), 0);
	assert_int_equal(parse(&s, text), -EINVAL);
	assert_non_null(strstr(s.mistakes.v[0], "others than its owner may "
						"read it (mode 644)"));
	settings_release(&s);
	assert_int_equal(fchmodat(dirfd_, "pass", 0622, 0), 0);
	assert_int_equal(parse(&s, text), -EINVAL);
	settings_release(&s);
	if (geteuid() == 0) {
		assert_int_equal(fchmodat(dirfd_, "pass", 0600, 0), 0);
		assert_int_equal(fchownat(dirfd_, "pass", 1, 1, 0), 0);
		assert_int_equal(parse(&s, text), -EINVAL);
		assert_non_null(strstr(s.mistakes.v[0],
				       "belongs to user 1, not to root"));
		settings_release(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_file_says),
		cmocka_unit_test(test_each_mistake_has_its_line),
		cmocka_unit_test(test_what_belongs_together_is_there),
		cmocka_unit_test(test_all_mistakes_are_told),
		cmocka_unit_test(
			test_lines_that_libinih_would_misread_are_told),
		IN_DIR(test_drop_ins_come_by_name_and_replace),
		IN_DIR(test_a_file_that_is_not_there),
		IN_DIR(test_files_that_others_may_write_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
