/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks for. */
#ifndef RD_REDOUBTD_REQUESTS_H
#define RD_REDOUBTD_REQUESTS_H

#include "redoubtd/clients.h"

/* Does it, or begins to; every way ends in an answer. Takes what it needs from fds. */
void rd_request(struct rd_client *c, const struct rd_ctl_message *m, struct rd_msg_fds *fds);

#endif
