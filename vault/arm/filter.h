/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.h - $filter, as far as Azure's clients send it.
 *
 *	backupManagementType eq 'MAB' and workloadType eq 'FileFolder'
 *	startTime eq '2026-11-01 12:00:00 AM' and operation eq 'Backup'
 *	atScope()	principalId eq 'GUID'	assignedTo('GUID')
 *
 * Terms with "and" between: NAME OPERATOR 'VALUE', or FUNCTION('VALUE'). A
 * value's quotes may be doubled to mean one. Names, operators and functions
 * match in either case of letters. What is not of that form is refused: a
 * filter that is half understood would show, or hide, the wrong things.
 *
 * Errors:  -EINVAL; -EMSGSIZE: more than FILTER_TERMS_MAX terms; -ENOMEM. Not
 *          logged.
 * Memory:  filter_release().
 * Threads: one at a time.
 * Source:  OData 4.01, URL conventions, section 5.1.1.
 */
#ifndef VAULT_ARM_FILTER_H
#define VAULT_ARM_FILTER_H

#include <stdbool.h>

#include "base/macros.h"

#define FILTER_TERMS_MAX 16

enum filter_op { FILTER_EQ, FILTER_NE, FILTER_GE, FILTER_LE, FILTER_CALL };

struct filter {
	char *text;
	struct filter_term {
		const char *name;
		enum filter_op op;
		const char *value; /* NULL: of a function, without */
	} terms[FILTER_TERMS_MAX];
	unsigned int n;
};

/* text NULL or blank: no terms. */
MUST_CHECK int filter_parse(const char *text, struct filter *out);
void filter_release(struct filter *f);
/* The first term of that name, or NULL. */
const struct filter_term *filter_find(const struct filter *f, const char *name);
/* Does a thing whose name is value pass all terms "name eq/ne"? */
bool filter_passes(const struct filter *f, const char *name, const char *value);

#endif /* VAULT_ARM_FILTER_H */
