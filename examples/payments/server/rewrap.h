/* SPDX-License-Identifier: Apache-2.0 */
/* Cards sealed under an older version of the card key are sealed anew. */
#ifndef PS_REWRAP_H
#define PS_REWRAP_H

#include "server/ps.h"

/* False: there is none, or it could not be asked; done is not called. Otherwise it is, once, from
 * another thread; ok: it was sealed anew. */
typedef void ps_rewrap_done(void *arg, bool ok);
bool ps_rewrap_one(struct ps *ps, struct rd_db *db, ps_rewrap_done *done, void *arg);

#endif
