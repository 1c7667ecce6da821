/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault.pml - what a vault deletes beside what its machines do, checked by
 * spin (tests/model/run).
 *
 * One pack P is looked at. A head lists it (its index names it, and whoever
 * builds on that head may refer to it), dooms it, or knows nothing of it; a
 * recovery point is a head that came with a snapshot, and needs P or not.
 *
 *   Backup     twice at once: refers to P if the head it began on lists it,
 *              else may put it; then the next head, with a snapshot. If
 *              somebody else's head came first, it looks at every head since,
 *              and goes on from there if none dooms P. Puts it has its row
 *              after its file.
 *   Prune      a head that dooms P, and then the drop. It may be wrong about
 *              what is needed, or mean no good.
 *   Network    a put that was sent before arrives once more, at any time.
 *   Retention  lets any recovery point go but the newest.
 *   Collector  deletes P, first the row, then the file, when it was dropped
 *              and no point that is kept lies in [since, until).
 *   Owner      deletes the machine softly, and brings it back if it can.
 *   Purger     what is deleted and due loses its points, and P.
 *   Scrub      removes a file that has no row.
 *
 * Promises (assertions): each point that is kept, as the newest always is, has
 * P if it was made with P, unless it is being purged; a row has its file; what
 * was brought back has the points that it had, and is not purged; what was
 * purged stays empty.
 *
 * Each of these makes a promise break: -DNO_LOCK (puts beside deletion),
 * -DDROP_DELETES (points are not asked), -DUNTIL_NOW (a drop ends the interval
 * before the newest head), -DSINCE_LATE (it begins after the next head),
 * -DIGNORE_DOOMED (a backup does not look at the heads between),
 * -DPURGE_LOOKS_FIRST (asks the state in one step, changes it in another),
 * -DEXPIRE_DELETED (retention does not ask the state), -DPUT_PURGING (nor does
 * a put, with its row), -DSCRUB_NO_ROW (the scrub does not look again).
 */

#ifdef KEEPING /* with these three: less of the rest, or it takes for ever */
#define HEADS 4
#else
#define HEADS 6
#endif
#define INFINITE 15

bool lists[HEADS], dooms[HEADS], needs[HEADS], kept[HEADS];
byte head;		 /* the newest; 0 is none */
byte point;		 /* the newest recovery point */
bool row, file, was_put; /* of P */
byte since, until = INFINITE;
byte putting;	/* who holds the lock together */
bool deleting; /* who holds it alone */

mtype = { PROTECTED, STOPPED, DELETED, PURGING };
mtype state = PROTECTED;
bool due, purged, restored;
byte had; /* points, when it was deleted */

inline lock_together() {
#ifdef NO_LOCK
	skip
#else
	atomic { !deleting -> putting++ }
#endif
}

inline unlock_together() {
#ifdef NO_LOCK
	skip
#else
	putting--
#endif
}

#ifdef PUT_PURGING
#define takes true
#else
#define takes (state == PROTECTED)
#endif

inline put() {
	lock_together();
	file = true;
	atomic {
		ok = takes;
		if
		:: !ok /* refused: a file without a row */
		:: ok && row -> until = INFINITE /* it was never away */
		:: ok && !row ->
			row = true;
			until = INFINITE;
#ifdef SINCE_LATE
			since = head + 2
#else
			since = head + 1
#endif
		fi;
		was_put = was_put || ok
	}
	unlock_together()
}

/* Is P doomed by a head from `from` up to the newest? */
inline look(from, answer) {
	answer = false;
	i = from;
	do
	:: i > head -> break
	:: else ->
		answer = answer || dooms[i];
		i++
	od;
	i = 0
}

proctype Backup() {
	byte base, i;
	bool uses, gone, ok;

again:
	atomic {
		base = head;
		uses = lists[base];
		gone = dooms[base]
	}
	if
	:: gone -> goto end /* P is never used again: another pack is put */
	:: uses
	:: !uses && !gone ->
		put();
		uses = true;
		if
		:: !ok -> goto end
		:: else
		fi
	:: !gone -> uses = false
	fi;
commit:
	atomic {
		if
		:: state != PROTECTED -> goto end
		:: else
		fi;
		if
		:: head + 1 == HEADS -> goto end
		:: head == base && head + 1 < HEADS ->
			head++;
			lists[head] = lists[base] || uses;
			dooms[head] = dooms[base];
			needs[head] = uses;
			kept[head] = true;
			point = head;
			goto end
		:: head != base && head + 1 < HEADS ->
#ifdef IGNORE_DOOMED
			gone = false;
#else
			look(base + 1, gone);
#endif
			base = head
		fi
	}
	if
	:: gone && uses -> goto again
	:: else -> goto commit
	fi;
end:
	skip
}

proctype Prune() {
	atomic {
		if
		:: head > 0 && head + 1 < HEADS && row && state == PROTECTED ->
			head++;
			lists[head] = false;
			dooms[head] = true
		:: true -> goto end
		fi
	}
	atomic {
		if
		:: row && until == INFINITE && state == PROTECTED ->
#ifdef UNTIL_NOW
			until = head - 1
#else
			until = head + 1
#endif
		:: else
		fi
	}
end:
	skip
}

proctype Network() {
	bool ok;

	if
	:: was_put -> put()
	:: true
	fi
}

proctype Retention() {
	byte i;

	do
	:: atomic {
		select (i : 1 .. HEADS - 1);
		if
#ifdef EXPIRE_DELETED
		:: kept[i] && i != point -> kept[i] = false
#else
		:: kept[i] && i != point && state == PROTECTED ->
			kept[i] = false
#endif
		:: else
		fi
	   }
	:: break
	od
}

proctype Collector() {
	byte i, n;
	bool held;

	for (n : 1 .. 2) {
#ifndef NO_LOCK
		atomic { putting == 0 && !deleting -> deleting = true }
#endif
		atomic {
			held = false;
			i = since;
#ifndef DROP_DELETES
			do
			:: i < HEADS && i < until ->
				held = held || kept[i];
				i++
			:: else -> break
			od;
#endif
			i = 0;
			held = held || !row || until == INFINITE ||
			       state == DELETED || state == PURGING;
			if
			:: !held -> row = false
			:: else
			fi
		}
		if
		:: !held -> file = false
		:: else
		fi;
		deleting = false
	}
}

inline count_points(n) {
	n = 0;
	for (i : 1 .. HEADS - 1) {
		n = n + kept[i]
	}
	i = 0
}

proctype Owner() {
	byte i, n;

	if
	:: atomic {
		head > 0 -> state = DELETED;
		count_points(had)
	   }
	:: true -> goto end
	fi;
	due = true;
	atomic {
		if
		:: state == DELETED ->
			state = STOPPED;
			restored = true;
			count_points(n);
			assert(n == had);
			n = 0
		:: else -> goto end
		fi
	}
	/* resumed */
	if
	:: state == STOPPED -> state = PROTECTED
	:: true
	fi;
end:
	skip
}

proctype Purger() {
	byte i;

end:
#ifdef PURGE_LOOKS_FIRST
	state == DELETED && due;
	state = PURGING;
#else
	atomic { state == DELETED && due -> state = PURGING }
#endif
	atomic {
		for (i : 1 .. HEADS - 1) {
			kept[i] = false
		}
		i = 0
	}
#ifndef NO_LOCK
	atomic { putting == 0 && !deleting -> deleting = true }
#endif
	row = false;
	file = false;
	purged = true;
	deleting = false
}

proctype Scrub() {
end:
	file && !row;
#ifndef NO_LOCK
	atomic { putting == 0 && !deleting -> deleting = true }
#endif
	atomic {
		if
#ifndef SCRUB_NO_ROW
		:: row
		:: !row -> file = false
#else
		:: file = false
#endif
		fi
	}
	deleting = false
}

/* Stepped through after every step of the others. */
proctype Promises() {
	byte i;

end:
	do
	:: atomic {
		assert(!row || file);
		assert(!(purged && row));
		assert(!(restored && state == PURGING));
		for (i : 1 .. HEADS - 1) {
			assert(!(kept[i] && needs[i]) || state == PURGING ||
			       (row && file && since <= i && i < until))
		}
		i = 0
	   }
	od
}

init {
	atomic {
		run Promises();
		run Backup();
		run Backup();
#ifdef KEEPING
		run Owner();
		run Purger();
		run Scrub();
#else
		run Prune();
		run Network();
#endif
		run Retention();
		run Collector()
	}
}
