/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64.h - bytes as text, in both alphabets.
 *
 * One value has one text: the reader refuses padding, white space, letters of
 * the other alphabet, and a last letter whose unused bits are not zero. What
 * was signed or compared as text is thus the same as what was decoded.
 *
 * Errors:  -EUCLEAN: not base64url; -EMSGSIZE, -ENOMEM from the buf. Not
 *          logged. A failure leaves out as it was.
 * Threads: any.
 * Source:  RFC 4648, sections 4 and 5.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include "base/macros.h"

/* Letters of n bytes in base64url. */
#define BASE64URL_LEN(n) (((n)*4 + 2) / 3)

/* Append data with '+', '/' and padding. */
MUST_CHECK int base64_append(struct buf *out, struct span data);
/* Append data with '-' and '_' and no padding. */
MUST_CHECK int base64url_append(struct buf *out, struct span data);
/* Append what text, in base64url, stands for. */
MUST_CHECK int base64url_decode(struct buf *out, struct span text);

#endif /* BASE_BASE64_H */
