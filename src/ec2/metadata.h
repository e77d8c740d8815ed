/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata service of each instance (ec2/imds.h), out of what is on record: a server for every
 * instance that runs or is to run, there before its virtual machine is.
 */
#ifndef EC2_METADATA_H
#define EC2_METADATA_H

#include "ec2/ec2.h"

struct ec2_metadata;

/* db and the door's connection are for this alone. Opens or makes the key that signs identity
 * documents, in the state directory. The heap for secrets is open. */
enum rd_status ec2_metadata_new(struct ec2 *ec2, struct rd_db *db, unsigned connection,
	struct ec2_metadata **ret, struct rd_error *err) RD_MUST_USE;
/* Ends all servers; their directories stay, for our next start. Accepts NULL. */
void ec2_metadata_free(struct ec2_metadata **metadata);

/* Serves it from now on, if it is not served. From any thread, and so below. metadata may be NULL:
 * nothing is served. */
enum rd_status ec2_metadata_serve(
	struct ec2_metadata *metadata, const char *id, struct rd_error *err) RD_MUST_USE;
/* It does not run any more. Not from its own server's thread. */
void ec2_metadata_drop(struct ec2_metadata *metadata, const char *id);

/* Those that run, at our start. */
enum rd_status ec2_metadata_serve_all(
	struct ec2_metadata *metadata, struct rd_db *db, struct rd_error *err) RD_MUST_USE;

#endif
