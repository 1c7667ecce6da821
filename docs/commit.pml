/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.pml - the order of steps of backups, prune and readers, checked by
 * spin (tests/model/run).
 *
 * Objects are packs, tables (index objects), snapshots and heads. A pack
 * holds one chunk here. D is file content; the trees T and U refer to D. A
 * snapshot is of T or of U. Sets of objects are bit masks.
 *
 *   Writer  backs up T or U: looks chunks up in the index of the head it
 *           began on, adopts data packs that no table names, stores the rest,
 *           then table, snapshot, head. It believes that a tree that is in
 *           the index has all that it refers to, and does not look.
 *   Prune   forgets a snapshot or not, lists objects, marks, copies a pack
 *           or not, stores a table, a head, and only then deletes. Twice.
 *   Reader  restores a snapshot from a head that may be old.
 *
 * With -DREADER there is a reader instead of the second writer.
 *
 * Anyone may die at any step. Leases are not in the model: prune is free to
 * take living writers' objects for those of dead ones, or not to.
 *
 * Promises (assertions):
 *   - all that the newest head's snapshots need is there, after every step;
 *   - the newest head's index lists a tree only together with D, and lists
 *     nothing that is not there;
 *   - a reader misses nothing that the newest head promises.
 *
 * Each of these makes a promise break: -DDELETE_FIRST, -DADOPT_TREES,
 * -DIGNORE_DOOMED, -DNEWEST_DOOMED (look at the newest head's list only),
 * -DIGNORE_VANISHED, -DKEEP_DEAD (dead entries stay in the index).
 */

/* Who makes what is fixed, so that the order in time is no state:
 *	packs	0 1 the first ones, 2 3 and 4 5 the writers', 6 7 prune's
 *	tables	0 the first one, 1 and 2 the writers', 3... prune's
 *	snaps	0 the first one, 1 and 2 the writers' */
#define PACKS 8
#define TABLES 8
#define SNAPS 3
#ifdef READER
#define COPIES 2
#else
#define COPIES 1
#endif
#define HEADS 7 /* 1, the writers' 2, prune's and forget's 4 */

#define D 0
#define T 1
#define U 2
#define NONE 255

#define BIT(n) (1 << (n))
#define HAS(set, n) (((set) >> (n)) & 1)

byte chunk[PACKS];    /* what each pack holds */
byte lists[TABLES];   /* the packs of each table */
byte tree_of[SNAPS];  /* T or U */
byte packs, tables, snaps; /* those that exist */
byte looked[3] = NONE; /* the head that a process will look at next */

typedef head_t {
	byte snaps, tables;
	byte no_packs, no_tables, no_snaps /* doomed */
};
head_t head[HEADS];
byte heads; /* how many; they are created once and stay */

#define NEWEST (heads - 1)
#define CUR head[heads - 1]

/* The packs with chunk c among `set`. */
#define HOLDING(c, i, set, out)                                              \
	out = 0;                                                               \
	for (i : 0 .. PACKS - 1) {                                             \
		if                                                             \
		:: HAS(set, i) && chunk[i] == c ->              \
			out = out | BIT(i)                                     \
		:: else                                                        \
		fi                                                             \
	}

/* All packs that the tables in `set` list. */
#define LISTED(i, set, out)                                                  \
	out = 0;                                                               \
	for (i : 0 .. TABLES - 1) {                                            \
		if                                                             \
		:: HAS(set, i) -> out = out | lists[i]         \
		:: else                                                        \
		fi                                                             \
	}

/* The chunks held by the packs in `set`. */
#define CHUNKS(i, set, out)                                                  \
	out = 0;                                                               \
	for (i : 0 .. PACKS - 1) {                                             \
		if                                                             \
		:: HAS(set, i) -> out = out | BIT(chunk[i])     \
		:: else                                                        \
		fi                                                             \
	}

/* The chunks that the snapshots in `set` need. */
#define NEEDED(i, set, out)                                                  \
	out = 0;                                                               \
	for (i : 0 .. SNAPS - 1) {                                             \
		if                                                             \
		:: HAS(set, i) ->                               \
			out = out | BIT(D) | BIT(tree_of[i])                   \
		:: else                                                        \
		fi                                                             \
	}

/* Heads that nobody will look at are all alike. */
#define FORGET_HEADS                                                         \
	for (ci : 0 .. HEADS - 1) {                                            \
		if                                                             \
		:: ci + 1 < heads && ci < looked[0] && ci < looked[1] &&       \
		   ci < looked[2] ->                                           \
			head[ci].snaps = 0; head[ci].tables = 0;               \
			head[ci].no_packs = 0; head[ci].no_tables = 0;         \
			head[ci].no_snaps = 0                                  \
		:: else                                                        \
		fi                                                             \
	}                                                                      \
	ci = 0

byte ci, cl, cc, cn; /* scratch of PROMISE, zero again after it */

/* What must hold whenever a head was stored or an object removed. */
#define PROMISE                                                              \
	assert((CUR.tables & ~tables) == 0);                                   \
	assert((CUR.snaps & ~snaps) == 0);                                     \
	LISTED(ci, CUR.tables, cl);                                            \
	assert((cl & ~packs) == 0);                                            \
	CHUNKS(ci, cl, cc);                                                    \
	NEEDED(ci, CUR.snaps, cn);                                             \
	assert((cn & ~cc) == 0);                                               \
	assert(!(cc & (BIT(T) | BIT(U))) || HAS(cc, D));                       \
	ci = 0; cl = 0; cc = 0; cn = 0;                                        \
	FORGET_HEADS

proctype Writer(byte me, what)
{
	byte seen, rely, listed, known, adopted, used, own, table, snap;
	byte i, s, c, v, lost;

	/* the session begins: one head, its index, what lies about */
	d_step {
		seen = NEWEST;
		looked[me] = seen;
		rely = CUR.tables;
		LISTED(i, rely, listed);
		CHUNKS(i, listed, known);
	}
	d_step {
		for (i : 0 .. PACKS - 1) {
			if
			:: HAS(packs, i) && !HAS(listed, i) &&
#ifndef IGNORE_DOOMED
			   !HAS(head[seen].no_packs, i) &&
#endif
#ifndef ADOPT_TREES
			   chunk[i] == D &&
#endif
			   true -> adopted = adopted | BIT(i)
			:: else
			fi
		}
		i = 0; listed = 0;
	}
	/* the tree may be known, and all below is believed */
	d_step { HOLDING(what, i, adopted, s); i = 0 }
	if
	:: HAS(known, what) -> goto stored
	:: s && !HAS(known, what) -> used = used | s; goto stored
	:: else
	fi;
	d_step { HOLDING(D, i, adopted, s); i = 0 }
	if
	:: HAS(known, D)
	:: s && !HAS(known, D) -> used = used | s
	:: !s && !HAS(known, D) ->
		atomic {
			chunk[2 + 2 * me] = D;
			packs = packs | BIT(2 + 2 * me);
			own = BIT(2 + 2 * me)
		}
	fi;
	if
	:: true
	:: goto dead
	fi;
	atomic {
		chunk[3 + 2 * me] = what;
		packs = packs | BIT(3 + 2 * me);
		own = own | BIT(3 + 2 * me);
		goto stored
	}
stored:
	/* Nobody takes notice of the rest one by one: it may be listed, and
	 * be doomed, or not. */
	atomic {
		s = 0; adopted = 0; known = 0;
		table = NONE;
		if
		:: own | used ->
			table = 1 + me;
			lists[table] = own | used;
			tables = tables | BIT(table)
		:: else
		fi;
		snap = 1 + me;
		tree_of[snap] = what;
		snaps = snaps | BIT(snap)
	}
	if
	:: true
	:: goto dead
	fi;
again:
	skip;
	/* a look at every head since; then the newest is what is built on */
	d_step {
		lost = 0;
		i = seen + 1;
#ifdef NEWEST_DOOMED
		if
		:: i < heads -> i = NEWEST
		:: else
		fi;
#endif
		do
		:: i < heads ->
			if
			:: (head[i].no_packs & (own | used)) ||
			   (table != NONE && HAS(head[i].no_tables, table)) ||
			   HAS(head[i].no_snaps, snap) -> lost = 1
			:: else
			fi;
			i++
		:: else -> break
		od;
#ifdef IGNORE_DOOMED
		lost = 0;
#endif
		/* tables that went away: are their chunks all listed? */
		LISTED(i, CUR.tables, s);
		CHUNKS(i, s, c);
		LISTED(i, rely & ~CUR.tables, s);
		CHUNKS(i, s, v);
#ifndef IGNORE_VANISHED
		if
		:: v & ~c -> lost = 1
		:: else
		fi;
#endif
		/* what they listed is found in these from now on */
		rely = CUR.tables;
		seen = NEWEST;
		looked[me] = seen;
		i = 0; s = 0; c = 0; v = 0
	}
	if
	:: lost -> goto dead
	:: else
	fi;
	/* create-once: the head after `seen`, or somebody was first */
	atomic {
		if
		:: seen == NEWEST ->
			head[heads].snaps = CUR.snaps | BIT(snap);
			head[heads].tables = CUR.tables |
				(table == NONE -> 0 : BIT(table));
			head[heads].no_packs = CUR.no_packs;
			head[heads].no_tables = CUR.no_tables;
			head[heads].no_snaps = CUR.no_snaps;
			heads++;
			PROMISE
		:: else -> goto again
		fi
	}
dead:
	skip;
	d_step {
		looked[me] = NONE;
		seen = 0; rely = 0; listed = 0; known = 0; adopted = 0;
		used = 0; own = 0; table = 0; snap = 0; i = 0; s = 0; c = 0;
		v = 0; lost = 0; what = 0
	}
}

proctype Prune()
{
	byte base, found_p, found_t, found_s, live, keep, fresh, table, idx;
	byte gone_p, gone_t, gone_s, listed, i, k, c, rounds, orphans;
	byte copies, made;

round:
	rounds++;
	/* forget: a head without one of the snapshots */
	base = NEWEST;
	if
	:: true
	:: atomic {
		base == NEWEST && CUR.snaps ->
		if
		:: HAS(CUR.snaps, 0) -> k = 0
		:: HAS(CUR.snaps, 1) -> k = 1
		:: HAS(CUR.snaps, 2) -> k = 2
		fi;
		head[heads].snaps = CUR.snaps & ~BIT(k);
		head[heads].tables = CUR.tables;
		head[heads].no_packs = CUR.no_packs;
		head[heads].no_tables = CUR.no_tables;
		head[heads].no_snaps = CUR.no_snaps | BIT(k);
		heads++;
		k = 0;
		PROMISE
	   }
	fi;
again:
	skip;
	d_step {
		table = NONE; fresh = NONE; keep = 0; idx = 0;
		gone_p = 0; gone_t = 0; gone_s = 0;
		base = NEWEST
	}
	/* list; then mark: of what is needed, one pack each (the last) */
	d_step {
		found_p = packs; found_t = tables; found_s = snaps;
		NEEDED(i, head[base].snaps, live);
		LISTED(i, head[base].tables, listed);
		for (i : 0 .. PACKS - 1) {
			if
			:: HAS(listed, i) && HAS(live, chunk[i]) ->
				HOLDING(chunk[i], k, keep, c);
				keep = (keep & ~c) | BIT(i)
			:: else
			fi
		}
		i = 0; k = 0; c = 0;
		/* nothing is missing but by a broken promise */
		assert(live == 0 || keep != 0)
	}
	/* copy the pack of D, or not */
	if
	:: true
	:: atomic {
		copies < COPIES && HAS(live, D) ->
		copies++;
		HOLDING(D, i, keep, c);
		fresh = 5 + copies;
		chunk[fresh] = D;
		packs = packs | BIT(fresh);
		keep = (keep & ~c) | BIT(fresh);
		i = 0; c = 0
	   }
	fi;
	if
	:: true
	:: goto dead
	fi;
	atomic {
		/* tables of which all stays are kept; the rest in a new one,
		 * which is of no interest to anyone before the head */
		listed = keep;
		for (i : 0 .. TABLES - 1) {
			if
			:: HAS(head[base].tables, i) &&
			   (lists[i] & ~keep) == 0 ->
				idx = idx | BIT(i);
				listed = listed & ~lists[i]
#ifdef KEEP_DEAD
			/* dead trees stay, as their packs do */
			:: HAS(head[base].tables, i) &&
			   (lists[i] & ~keep) != 0 ->
				for (k : 0 .. PACKS - 1) {
					if
					:: HAS(lists[i], k) &&
					   chunk[k] != D ->
						keep = keep | BIT(k);
						listed = listed | BIT(k)
					:: else
					fi
				}
#endif
			:: else
			fi
		}
		i = 0; k = 0;
		if
		:: listed ->
			table = 3 + made;
			lists[table] = listed;
			tables = tables | BIT(table);
			made++;
			idx = idx | BIT(table)
		:: else
		fi;
		listed = 0; live = 0;
		/* orphans: taken for a dead session's, or left alone */
		if
		:: orphans = 1
		:: orphans = 0
		fi;
		LISTED(i, head[base].tables, listed);
		i = 0;
		gone_p = found_p & ~keep &
			 (orphans -> 255 : listed | head[base].no_packs);
		gone_t = found_t & ~idx &
			 (orphans -> 255 :
				     head[base].tables | head[base].no_tables);
		gone_s = found_s & ~head[base].snaps &
			 (orphans -> 255 : head[base].no_snaps);
		listed = 0; keep = 0; found_p = 0; found_t = 0; found_s = 0;
		orphans = 0; fresh = NONE; table = NONE;
#ifdef DELETE_FIRST
		packs = packs & ~gone_p;
		PROMISE;
#endif
		if
		:: base == NEWEST ->
			head[heads].snaps = CUR.snaps;
			head[heads].tables = idx;
			head[heads].no_packs = gone_p;
			head[heads].no_tables = gone_t;
			head[heads].no_snaps = gone_s;
			heads++;
			PROMISE
		:: base != NEWEST && made < 4 -> goto again
		:: else -> goto dead
		fi;
		idx = 0; base = 0
	}
	/* or death before or between */
	if
	:: atomic { packs = packs & ~gone_p; gone_p = 0; PROMISE }
	:: goto dead
	fi;
	if
	:: atomic {
		tables = tables & ~gone_t; gone_t = 0;
		snaps = snaps & ~gone_s; gone_s = 0;
		PROMISE
	   }
	:: goto dead
	fi;
dead:
	skip;
	/* the next prune: after the end of this one or its death */
	d_step {
		gone_p = 0; gone_t = 0; gone_s = 0; idx = 0; keep = 0;
		live = 0; listed = 0; found_p = 0; found_t = 0; found_s = 0;
		fresh = NONE; table = NONE; base = 0; i = 0; k = 0; c = 0
	}
	if
	:: rounds < 2 && made < 4 ->
		goto round
	:: else
	fi
}

proctype Reader()
{
	byte at, listed, have, i, c, tries;

	atomic { at = NEWEST; looked[2] = at }
	if
	:: head[at].snaps == 0 -> goto end
	:: else
	fi;
retry:
	skip;
	/* the index was read with the head; now the packs */
	d_step {
		LISTED(i, head[at].tables, listed);
		listed = listed & packs;
		CHUNKS(i, listed, have);
		NEEDED(i, head[at].snaps, c);
		i = 0; listed = 0
	}
	if
	:: (c & ~have) == 0 -> goto end
	:: else
	fi;
	/* -ENOENT: there must be a newer head that tells why */
	assert(at != NEWEST);
	atomic { at = NEWEST; looked[2] = at }
	tries++;
	if
	:: tries < HEADS -> goto retry
	:: else
	fi;
end:
	looked[2] = NONE
}

init {
	byte a, b;

	atomic {
		/* a repository with one snapshot of T */
		chunk[0] = D; chunk[1] = T;
		packs = 3;
		lists[0] = 3; tables = 1;
		tree_of[0] = T; snaps = 1;
		head[0].snaps = 1; head[0].tables = 1;
		heads = 1;
		PROMISE;
		if
		:: a = T; b = U
		:: a = U; b = U
		fi;
		run Writer(0, a);
#ifdef READER
		run Reader();
#else
		run Writer(1, b);
#endif
		run Prune()
	}
	a = 0; b = 0
}
