/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.c - tidemarkd.conf and its drop-ins.
 */
#include "settings/settings.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "settings/inifile.h"
#include "settings/private.h"

#define MISTAKES_MAX 200
#define NAME_MAX_BYTES 40
#define SECTION_SCHEDULE "schedule "

/* What is being read. */
struct reading {
	struct settings *s;
	const char *name;
	uint16_t file; /* 1.. */
	/* the section, or NULL in one that was wrong */
	const struct key *keys;
	void *what;
	uint16_t *given;
	const char *section;
	int err;
};

static void PRINTF_LIKE(2, 3) mistake(struct settings *s, const char *fmt, ...)
{
	char text[4096], line[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->mistakes.n < MISTAKES_MAX)
		/* without memory the run ends anyhow */
		(void)!list_add(&s->mistakes,
				log_printable(line, sizeof(line), text,
					      strlen(text)));
}

void settings_init(struct settings *s)
{
	*s = (struct settings){ .tracking = true, .history = 10000 };
}

static void schedule_release(struct settings_schedule *sc)
{
	free(sc->name);
	free(sc->where);
	list_release(&sc->paths);
	free(sc->repository);
	free(sc->passphrase_file);
	free(sc->passphrase_command);
	list_release(&sc->options);
	list_release(&sc->keep);
	free(sc->before);
	free(sc->after);
	free(sc->io_class);
}

void settings_release(struct settings *s)
{
	size_t i;

	free(s->socket);
	free(s->state_dir);
	free(s->pins);
	free(s->track_list);
	free(s->job_dir);
	free(s->hooks);
	list_release(&s->track);
	for (i = 0; i < s->n_schedules; i++)
		schedule_release(&s->schedules[i]);
	free(s->schedules);
	list_release(&s->mistakes);
	settings_init(s);
}

const struct settings_schedule *settings_find(const struct settings *s,
					      const char *name)
{
	size_t i;

	for (i = 0; i < s->n_schedules; i++)
		if (!strcmp(s->schedules[i].name, name))
			return &s->schedules[i];
	return NULL;
}

/* --- sections --- */

static int new_schedule(struct reading *rd, unsigned int line, const char *name,
			struct settings_schedule **out)
{
	struct settings *s = rd->s;
	struct settings_schedule *sc =
		reallocarray(s->schedules, s->n_schedules + 1, sizeof(*sc));

	if (!sc)
		return -ENOMEM;
	s->schedules = sc;
	sc += s->n_schedules;
	*sc = (struct settings_schedule){ .rule = SCHEDULE_RULE_INIT,
					  .enabled = true,
					  .hook_timeout_s = 600,
					  .hold_at_most_s = 3600,
					  .nice = 10 };
	sc->name = strdup(name);
	if (asprintf(&sc->where, "%s:%u", rd->name, line) < 0)
		sc->where = NULL;
	if (!sc->name || !sc->where) {
		schedule_release(sc);
		return -ENOMEM;
	}
	s->n_schedules++;
	*out = sc;
	return 0;
}

static void begin_schedule(struct reading *rd, unsigned int line,
			   const char *name)
{
	struct settings_schedule *sc;

	if (!*name || strlen(name) > NAME_MAX_BYTES ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")]) {
		mistake(rd->s,
			"%s:%u: the name of a schedule has 1 to 40 letters, "
			"digits, '.', '_' and '-'",
			rd->name, line);
		return;
	}
	sc = (struct settings_schedule *)(uintptr_t)settings_find(rd->s, name);
	if (!sc && rd->s->n_schedules == SETTINGS_SCHEDULES_MAX) {
		mistake(rd->s, "%s:%u: there are more than %d schedules",
			rd->name, line, SETTINGS_SCHEDULES_MAX);
		return;
	}
	if (!sc)
		rd->err = new_schedule(rd, line, name, &sc);
	if (rd->err < 0)
		return;
	rd->keys = keys_of_schedule;
	rd->what = sc;
	rd->given = sc->given;
	rd->section = "schedule NAME";
}

static void on_section(void *arg, unsigned int line, const char *name)
{
	struct reading *rd = arg;
	size_t n = strlen(SECTION_SCHEDULE);

	rd->keys = NULL;
	rd->what = rd->s;
	rd->given = rd->s->given;
	if (!strcmp(name, "daemon")) {
		rd->keys = keys_of_daemon;
		rd->section = "daemon";
	} else if (!strcmp(name, "track")) {
		rd->keys = keys_of_track;
		rd->section = "track";
	} else if (!strncmp(name, SECTION_SCHEDULE, n)) {
		begin_schedule(rd, line, name + n + strspn(name + n, " \t"));
	} else {
		mistake(rd->s,
			"%s:%u: there is no section [%s]; there are [daemon], "
			"[track] and [schedule NAME]",
			rd->name, line, name);
	}
}

/* --- keys --- */

static void on_pair(void *arg, unsigned int line, const char *key,
		    const char *value)
{
	struct reading *rd = arg;
	const struct key *k;
	char why[256] = "", names[1024];
	size_t at;
	int e;

	if (!rd->keys)
		return;
	k = key_find(rd->keys, key, &at);
	if (!k) {
		mistake(rd->s,
			"%s:%u: there is no key '%s' in [%s]; there are "
			"%s",
			rd->name, line, key, rd->section,
			key_names(rd->keys, names, sizeof(names)));
		return;
	}
	assert(at < SETTINGS_KEYS_MAX);
	if (!key_is_list(k) && rd->given[at] == rd->file) {
		mistake(rd->s, "%s:%u: %s is given a second time", rd->name,
			line, key);
		return;
	}
	e = key_set(k, rd->what, value, why);
	if (rd->keys != keys_of_track)
		rd->given[at] = rd->file;
	if (e == -EINVAL)
		mistake(rd->s, "%s:%u: %s = %s: %s", rd->name, line, key, value,
			why);
	else if (e < 0)
		rd->err = e;
}

static void on_wrong(void *arg, unsigned int line, const char *why)
{
	struct reading *rd = arg;

	mistake(rd->s, "%s:%u: %s", rd->name, line, why);
	/* what follows belongs to nothing that is known */
	if (strstr(why, "section"))
		rd->keys = NULL;
}

int settings_parse(struct settings *s, const char *name, struct span text)
{
	struct reading rd = { .s = s, .name = name };
	struct inifile_sink sink = { on_section, on_pair, on_wrong, &rd };
	int e;

	rd.file = (uint16_t)++s->n_files;
	e = inifile_read(text, &sink);
	if (e == 0)
		e = rd.err;
	return e < 0 ? e : s->mistakes.n ? -EINVAL : 0;
}

/* --- what belongs together --- */

static void need(struct settings *s, const struct settings_schedule *sc,
		 bool is_there, const char *what)
{
	if (!is_there)
		mistake(s, "%s: [schedule %s] %s", sc->where, sc->name, what);
}

static void finish_schedule(struct settings *s, struct settings_schedule *sc)
{
	const struct schedule_rule *r = &sc->rule;

	need(s, sc, sc->paths.n > 0, "needs path = what is backed up");
	need(s, sc, sc->repository,
	     "needs repository = where it is backed up to");
	need(s, sc, sc->passphrase_file || sc->passphrase_command,
	     "needs passphrase-file or passphrase-command");
	need(s, sc, !sc->passphrase_file || !sc->passphrase_command,
	     "has passphrase-file and passphrase-command; one is enough");
	need(s, sc, r->n_at || r->every_s,
	     "needs at = 06:00, say, or every = 15m");
	need(s, sc, !r->n_at || !r->every_s, "has at and every; choose one");
	need(s, sc, r->every_weeks < 2 || r->starting != INT64_MIN,
	     "has every-weeks, and needs starting = a day of the first week");
	need(s, sc, !r->every_s || r->delay_s < r->every_s,
	     "has a random-delay that is not shorter than every");
	need(s, sc, !sc->prune || sc->keep.n > 0,
	     "has prune, and needs keep-daily or another keep-...");
}

int settings_finish(struct settings *s)
{
	size_t i;

	for (i = 0; i < s->n_schedules; i++)
		finish_schedule(s, &s->schedules[i]);
	return s->mistakes.n ? -EINVAL : 0;
}

/* --- files --- */

static int check_stat(const struct stat *st, bool secret, char room[static 128])
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		snprintf(room, 128,
			 "belongs to user %u, not to root: chown "
			 "root",
			 (unsigned int)st->st_uid);
	else if (st->st_mode & 022)
		snprintf(room, 128,
			 "others than its owner may write it (mode "
			 "%o): chmod go-w",
			 (unsigned int)st->st_mode & 07777);
	else if (secret && st->st_mode & 044 && !S_ISCHR(st->st_mode))
		snprintf(room, 128,
			 "others than its owner may read it (mode "
			 "%o): chmod go-r",
			 (unsigned int)st->st_mode & 07777);
	else
		return 0;
	return -EPERM;
}

int settings_check_file(const char *path, bool secret, char room[static 128])
{
	struct stat st;

	return stat(path, &st) < 0 ? -errno : check_stat(&st, secret, room);
}

static int read_one(struct settings *s, const char *path, bool must_exist)
{
	CLEANUP_BUF struct buf b = BUF_INIT(SETTINGS_FILE_MAX);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char self[32], room[128] = "";
	struct stat st;
	int e;

	if (fd < 0 && errno == ENOENT && !must_exist)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0) {
		mistake(s, "%s: cannot be read: %s", path, strerror(errno));
		return 0;
	}
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)) {
		mistake(s, "%s: is no file", path);
		return 0;
	}
	if (check_stat(&st, false, room) < 0) {
		mistake(s, "%s: %s", path, room);
		return 0;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	e = io_read_file(AT_FDCWD, self, &b);
	if (e == -ENOMEM)
		return e;
	if (e < 0) {
		mistake(s, "%s: %s", path,
			e == -EMSGSIZE ? "is longer than 1 MiB"
				       : log_strerror(e));
		return 0;
	}
	e = settings_parse(s, path, SPAN_OF(&b));
	return e == -EINVAL ? 0 : e;
}

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && d->d_name[0] != '.' &&
	       !strcmp(d->d_name + n - 5, ".conf");
}

/* strcmp(), not alphasort(): the order must not depend on LC_COLLATE. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_dropins(struct settings *s, const char *path)
{
	CLEANUP_FREE char *dir = NULL;
	struct dirent **names = NULL;
	int n, i, e = 0;

	if (asprintf(&dir, "%s.d", path) < 0)
		return -ENOMEM;
	n = scandir(dir, &names, is_conf, by_bytes);
	if (n < 0 && errno != ENOENT)
		mistake(s, "%s: cannot be read: %s", dir, strerror(errno));
	for (i = 0; i < n; i++) {
		CLEANUP_FREE char *file = NULL;

		if (e == 0 &&
		    asprintf(&file, "%s/%s", dir, names[i]->d_name) < 0)
			e = -ENOMEM;
		if (e == 0)
			e = read_one(s, file, true);
		free(names[i]);
	}
	free(names);
	return e;
}

int settings_load(struct settings *s, const char *path, bool must_exist)
{
	int e = read_one(s, path, must_exist);

	if (e == 0)
		e = read_dropins(s, path);
	return e < 0 ? e : settings_finish(s);
}
