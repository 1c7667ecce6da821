/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what is in a vault, for its administrator: text, or JSON lines.
 *
 * Errors:  negative errno, logged.
 * Threads: one.
 */
#ifndef VAULT_REPORT_H
#define VAULT_REPORT_H

#include "vault/vault.h"

MUST_CHECK int report_machines(struct vault *v, bool json);
MUST_CHECK int report_points(struct vault *v, const char *machine, bool json);
/* Who may restore what others have stored. */
MUST_CHECK int report_readers(struct vault *v, bool json);
MUST_CHECK int report_policies(struct vault *v);
MUST_CHECK int report_audit(struct vault *v, bool json);
/* -EUCLEAN: a line was changed or taken out. */
MUST_CHECK int report_audit_verdict(struct vault *v);

#endif /* VAULT_REPORT_H */
