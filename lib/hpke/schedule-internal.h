/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9180's KEM and key schedule: from two keys to a context's secrets. */
#ifndef RD_HPKE_SCHEDULE_INTERNAL_H
#define RD_HPKE_SCHEDULE_INTERNAL_H

#include "crypto/aead.h"
#include "hpke/hpke.h"

/* How the secrets lie in struct rd_hpke's keys. */
#define RD_HPKE_EXPORTER_SIZE   32
#define RD_HPKE_KEY_OFFSET      0
#define RD_HPKE_NONCE_OFFSET    RD_AEAD_KEY_SIZE
#define RD_HPKE_EXPORTER_OFFSET (RD_HPKE_NONCE_OFFSET + RD_AEAD_NONCE_SIZE)
#define RD_HPKE_KEYS_SIZE       (RD_HPKE_EXPORTER_OFFSET + RD_HPKE_EXPORTER_SIZE)

/* Of one exchange, as both sides know it. */
struct rd_hpke_exchange {
	const struct rd_ec_key *own;  /* with a private half: ephemeral's, or the receiver's */
	const struct rd_ec_key *peer; /* the receiver's, or enc */
	struct rd_view enc;
	struct rd_view recipient;
	struct rd_view info;
};

/* The secrets of base mode, appended as laid out above to keys, which is initialised and has room.
 * RD_WRONG_KEY: peer is a point that must not be used; RD_LIMIT: info. */
enum rd_status rd_hpke_schedule(const struct rd_hpke_exchange *exchange, struct rd_secret *keys)
	RD_MUST_USE;

/* LabeledExpand (4) of the exporter secret (5.3). */
enum rd_status rd_hpke_export_secret(struct rd_view exporter_secret, struct rd_view context,
	uint8_t *ret_secret, size_t len) RD_MUST_USE;

#endif
