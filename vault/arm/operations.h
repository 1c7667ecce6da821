/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operations.h - what takes longer than a request, as Azure's clients poll it.
 *
 * Here a change is done when its request is answered, whole and durable. But
 * clients expect of some requests 202 with the address of an operation, and
 * ask there until it has ended. So these leave a row, in the transaction of
 * the change: a restart in between keeps nobody waiting. Rows are kept for
 * OPERATION_SECONDS.
 *
 * Errors:  -ECANCELED: was answered. Others are logged.
 * Source:  azure-core, long-running operations; core-lro of the JS clients.
 */
#ifndef VAULT_ARM_OPERATIONS_H
#define VAULT_ARM_OPERATIONS_H

#include "vault/arm/arm.h"
#include "vault/machines/machines.h"

#define OPERATION_SECONDS (7 * 86400)

/* Within db_write(): one that has succeeded, on the request's resource. job
 * may be NULL. */
MUST_CHECK int operation_add(struct db *db, const struct arm_request *r,
			     const char *job,
			     char id[static MACHINE_ID_LEN + 1]);
/* 202, and where to ask: BELOW/STATUS/ID and BELOW/operationResults/ID, with
 * BELOW and STATUS as the resource has them. */
MUST_CHECK int operation_accept(struct arm_request *r, const char *below,
				const char *status, const char *id);
/* Handlers: the operation that the last {} names, if it was one on the
 * resource that stands before, or below that. */
MUST_CHECK int operation_status(struct arm_request *r);
/* The same, for who answers with a result: -ECANCELED: there is none, and 404
 * was answered. */
MUST_CHECK int operation_check(struct arm_request *r);

#endif /* VAULT_ARM_OPERATIONS_H */
