/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_settings.c - tidemarkd.conf, and the schedules in it.
 *
 * What is accepted is asked what it makes due: occurrences lie in order.
 */
#include <assert.h>

#include "settings/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct schedule_rule *r)
{
	int64_t now = 1800000000, handled = now - 86400, next;
	struct schedule_look l;
	char words[512];

	schedule_words(r, words, sizeof(words));
	next = schedule_after(r, now);
	assert(next > now);
	if (next != SCHEDULE_NEVER)
		assert(schedule_upto(r, next, now) == next);
	schedule_look_at(r, 1, now, &handled, &l);
	assert(!l.is_due || (l.occurrence <= now && l.occurrence > handled));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s;
	size_t i;
	int e;

	settings_init(&s);
	e = settings_parse(&s, "conf", SPAN(data, size));
	if (e == 0)
		e = settings_finish(&s);
	assert((e < 0) == (s.mistakes.n > 0));
	for (i = 0; e == 0 && i < s.n_schedules && i < 4; i++)
		ask(&s.schedules[i].rule);
	settings_release(&s);
	return 0;
}
