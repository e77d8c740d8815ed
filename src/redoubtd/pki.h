/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instance's signing keys: the first four levels of attest/pki.h on disk, made at first start,
 * made anew when due, and leaves issued from them.
 *
 * state/pki/<level>.pem holds a level's private key and certificate together, so that one rename
 * replaces both. state/root.pem is the root's certificate, for everybody: what verifiers pin.
 */
#ifndef RD_REDOUBTD_PKI_H
#define RD_REDOUBTD_PKI_H

#include "attest/pki.h"
#include "base/error.h"
#include "ctl/message.h"
#include "redoubtd/identity.h"

struct rd_pki_store {
	int dir_fd;   /* state/pki; borrowed */
	int state_fd; /* borrowed */
	char region[RD_REGION_MAX + 1];
	char instance_id[RD_INSTANCE_ID_MAX + 1];
	struct {
		struct rd_ec_key *key;
		struct rd_cert *cert;
	} levels[RD_PKI_LEAF];
	unsigned issued; /* levels made anew since the start */
};

/*
 * The signing level of a parent instance: as this host's own, under the same zonal certificate, but
 * with the instance's id. Lives in memory only: no verifier keeps it, so a new one does as well.
 */
struct rd_pki_instance {
	char instance_id[RD_INSTANCE_ID_MAX + 1];
	struct rd_ec_key *key;
	struct rd_cert *cert;
	unsigned issued; /* the store's, when this was made */
};
void rd_pki_instance_finish(struct rd_pki_instance *instance);

/*
 * Loads what is there and makes what lacks. A damaged root is an error and stays where it is:
 * verifiers trust that one. Damaged lower levels are made anew.
 */
enum rd_status rd_pki_store_open(struct rd_pki_store *store, int dir_fd, int state_fd,
	const char *region, const char *instance_id, int64_t now_s, struct rd_error *err)
	RD_MUST_USE;
void rd_pki_store_close(struct rd_pki_store *store);

/*
 * A leaf for this public key and module id, appended to ret_cert; the bundle's views are into the
 * store, and into instance, and hold until their next use. instance NULL: under this host's own.
 */
enum rd_status rd_pki_store_leaf(struct rd_pki_store *store, struct rd_pki_instance *instance,
	struct rd_view spki, const char *module_id, int64_t now_s, struct rd_buf *ret_cert,
	struct rd_ctl_views *ret_bundle, struct rd_error *err) RD_MUST_USE;

#endif
