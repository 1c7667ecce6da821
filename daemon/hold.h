/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.h - is this a bad moment for a backup?
 *
 * On battery: there is a battery that discharges, and no mains that is
 * online. Under pressure: of cpu, io or memory, "some avg10" of the kernel's
 * pressure stall information is over the bound. What cannot be read holds
 * nothing back.
 *
 * Source:  Documentation/accounting/psi.rst, sysfs-class-power.
 * Threads: any.
 */
#ifndef DAEMON_HOLD_H
#define DAEMON_HOLD_H

#include "settings/settings.h"

struct hold_places {
	const char *pressure; /* /proc/pressure */
	const char *power;    /* /sys/class/power_supply */
};

/* If so, why: half a line. */
bool hold_is_wanted(const struct hold_places *p,
		    const struct settings_schedule *sc, char why[static 128]);

#endif /* DAEMON_HOLD_H */
