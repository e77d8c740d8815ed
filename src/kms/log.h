/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own log: one line a record on stderr. What calls did is in the audit log instead. */
#ifndef KMS_LOG_H
#define KMS_LOG_H

#include "base/status.h"

enum kms_log_level { KMS_LOG_ERROR, KMS_LOG_WARNING, KMS_LOG_INFO };

/* "[<level>][<time>] <text>"; control characters in the text become '?'. From any thread. */
void kms_log(enum kms_log_level level, const char *fmt, ...) RD_PRINTF(2, 3);

#endif
