/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instance metadata service: what an instance finds at http://169.254.169.254/ (version 2, and
 * version 1 where it is allowed), answered at a Unix socket of each instance's own. redoubt-net
 * connects the guest to it; the socket is who asks.
 *
 *	imds_request.c      one request to one answer: version, token, path
 *	imds_token.c        tokens of version 2
 *	imds_tree.c         the paths of meta-data, and their lists
 *	imds_leaves.c       what stands at them
 *	imds_identity.c     the identity document and its signatures
 *	imds_signer.c       the key that makes them
 *	imds_credentials.c  the role's credentials, kept until they are due to be renewed
 *	imds_server.c       the socket
 *
 * Everything in a request is the guest's, and hostile. Nothing that it says reaches another party
 * but as a decision which of the owner's functions is asked.
 */
#ifndef EC2_IMDS_H
#define EC2_IMDS_H

#include "base/bytes.h"
#include "base/error.h"

#include <jansson.h>
#include <sys/types.h>

#define IMDS_ID_SIZE      48
#define IMDS_NAME_SIZE    256
#define IMDS_ARN_SIZE     768
#define IMDS_ADDRESS_SIZE 32
#define IMDS_LIST_SIZE    2048

/* What the service tells; texts in UTF-8 without control characters, "": there is none. */
struct imds_instance {
	char id[IMDS_ID_SIZE]; /* i-… */
	char type[IMDS_ID_SIZE];
	char image[IMDS_ID_SIZE];
	char account[13];
	char region[33];
	char zone[IMDS_ID_SIZE];
	char zone_id[IMDS_ID_SIZE];
	char private_ip[IMDS_ADDRESS_SIZE];
	char mac[IMDS_ADDRESS_SIZE];
	char hostname[IMDS_NAME_SIZE]; /* with its domain */
	char reservation[IMDS_ID_SIZE];
	char key_name[IMDS_NAME_SIZE];
	char security_groups[IMDS_LIST_SIZE]; /* names, a line each, without the last line's end */
	char security_group_ids[IMDS_LIST_SIZE]; /* the same */
	char interface[IMDS_ID_SIZE];
	char subnet[IMDS_ID_SIZE], subnet_cidr[IMDS_ADDRESS_SIZE];
	char vpc[IMDS_ID_SIZE], vpc_cidr[IMDS_ADDRESS_SIZE];
	char root_device[IMDS_ID_SIZE]; /* "/dev/xvda" */
	char profile_arn[IMDS_ARN_SIZE], profile_id[IMDS_ID_SIZE];
	char role_arn[IMDS_ARN_SIZE];
	uint32_t launch_index;
	int64_t launched_ms;
	bool off;             /* HttpEndpoint=disabled */
	bool tokens_required; /* HttpTokens=required */
	bool tags_shown;      /* InstanceMetadataTags=enabled */
	json_t *tags;         /* an object of strings, or NULL */
	char *public_key;     /* a line as in authorized_keys, or NULL */
	uint8_t *user_data;   /* decoded, or NULL */
	size_t user_data_len;
};
void imds_instance_finish(struct imds_instance *instance);

/* Where all of it comes from; from the thread of the instance's server. */
struct imds_source {
	/* Zeroed before, and finished whatever comes back. RD_NOTFOUND: it has gone. */
	enum rd_status (*instance)(void *ctx, const char *id, struct imds_instance *ret);
	/*
	 * What redoubt-kms's service door answers to /role-credentials (kms/service.h): an object,
	 * the caller's. RD_FORBIDDEN: with __type and message; any other failure: without an
	 * answer.
	 */
	enum rd_status (*credentials)(void *ctx, const struct imds_instance *instance,
		uint32_t seconds, json_t **ret_answer);
	/* The guest has asked for something. May be NULL. */
	void (*seen)(void *ctx, const char *id);
	int64_t (*now_ms)(void);
	void *ctx;
};

/* Who signs identity documents: an RSA key and its certificate, in a directory. */
struct imds_signer;

/*
 * Opens identity.key (PKCS #8, 0600) and identity.pem in the directory, and makes them if neither
 * is there. The heap for secrets (crypto/secret.h) is open. One alone, or one that does not belong
 * to the other, is refused: who verifies has pinned the certificate.
 */
enum rd_status imds_signer_open(const char *directory, const char *region, int64_t now_s,
	struct imds_signer **ret, struct rd_error *err) RD_MUST_USE;
void imds_signer_free(struct imds_signer **signer); /* accepts NULL */

/* Credentials of a role are made for so long, and new ones when less than a sixth of it is left. */
#define IMDS_CREDENTIALS_S 21600

struct imds_config {
	const char *run;         /* <run>/imds/<id>.sock */
	const char *instance_id; /* copied */
	const struct imds_signer *signer;
	const struct imds_source *source;
	uint32_t credentials_s; /* 0: IMDS_CREDENTIALS_S */
	/* Users that may connect beside root and our own: redoubt-net's. 0 and 0: none. */
	uid_t uid_first, uid_last;
};

struct imds_server;

/*
 * Serves the instance from now on. The socket is in a directory of its own,
 * <run>/imds/<id>.d/imds.sock, and <id>.sock is a link to it. signer and source outlive it.
 */
enum rd_status imds_server_new(const struct imds_config *config, struct imds_server **ret,
	struct rd_error *err) RD_MUST_USE;
/* Ends it. The directory stays: redoubt-net of a running instance has it in sight, and looks for
 * the socket of our next start in it. Accepts NULL. */
void imds_server_free(struct imds_server **server);
/* Takes socket, directory and link away, once the instance does not run any more. */
void imds_remove(const char *run, const char *instance_id);

#endif
