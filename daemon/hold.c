/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.c - is this a bad moment for a backup?
 */
#include "daemon/hold.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"

/* The text of a small file, without its last newline; "" if there is none. */
static const char *read_text(const char *dir, const char *name,
			     char room[static 256])
{
	CLEANUP_BUF struct buf b = BUF_INIT(4096);
	CLEANUP_FREE char *path = NULL;

	room[0] = '\0';
	if (asprintf(&path, "%s/%s", dir, name) < 0 ||
	    io_read_file(AT_FDCWD, path, &b) < 0 || buf_u8(&b, 0) < 0)
		return room;
	snprintf(room, 256, "%s", (char *)b.p);
	room[strcspn(room, "\n")] = '\0';
	return room;
}

static bool is_over(const struct hold_places *p, const char *what,
		    uint32_t bound, char why[static 128])
{
	char text[256];
	const char *avg = strstr(read_text(p->pressure, what, text), "avg10=");
	unsigned int whole, part;

	if (!avg || sscanf(avg, "avg10=%u.%2u", &whole, &part) != 2 ||
	    whole * 100 + part <= bound * 100)
		return false;
	snprintf(why, 128, "the pressure on %s is %u.%02u %%, over %u %%", what,
		 whole, part, bound);
	return true;
}

struct supplies {
	bool mains, battery;
};

static void look_at_supply(const char *dir, struct supplies *s)
{
	char text[256];
	bool is_battery = !strcmp(read_text(dir, "type", text), "Battery");

	/* a mouse has a battery, too */
	if (!strcmp(read_text(dir, "scope", text), "Device"))
		return;
	if (is_battery)
		s->battery |=
			!strcmp(read_text(dir, "status", text), "Discharging");
	else
		s->mains |= !strcmp(read_text(dir, "online", text), "1");
}

static bool is_on_battery(const struct hold_places *p)
{
	struct supplies s = { false, false };
	DIR *d = opendir(p->power);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		CLEANUP_FREE char *dir = NULL;

		if (e->d_name[0] != '.' &&
		    asprintf(&dir, "%s/%s", p->power, e->d_name) >= 0)
			look_at_supply(dir, &s);
	}
	if (d)
		closedir(d);
	return s.battery && !s.mains;
}

bool hold_is_wanted(const struct hold_places *p,
		    const struct settings_schedule *sc, char why[static 128])
{
	static const char *const all[] = { "cpu", "io", "memory" };
	size_t i;

	for (i = 0; sc->pressure && i < ARRAY_LEN(all); i++)
		if (is_over(p, all[i], sc->pressure, why))
			return true;
	if (!sc->hold_on_battery || !is_on_battery(p))
		return false;
	snprintf(why, 128, "the machine runs on battery");
	return true;
}
