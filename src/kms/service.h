/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service door: what other services of this host (redoubt-ec2) ask of the one process that has
 * users, policies and secrets. HTTP/1.1 over a Unix socket, POST, JSON both ways; only root, the
 * server's own user and the configured service_users may connect. Secret access keys of users never
 * leave through it.
 *
 * POST /authenticate: who has signed a request that the service was sent?
 *	{"service": "ec2", "method": "POST", "target": "/", "headers": [["Host", "…"], …],
 *	 "body_sha256": 64 hex digits, or "body": base64,
 *	 "source_ip": "192.0.2.1" or "", "tls": false}      (these two may be absent: "" and false)
 *   →	{"account", "arn", "kind": "root"|"user"|"role", "uid", "akid", "session",
 *	 "handle": hex}
 *	handle names the caller for /authorize, for KMS_SERVICE_HANDLE_MS.
 *
 * POST /authorize: may it do this? All of the checks must be allowed.
 *	{"handle", "checks": [{"action": "ec2:RunInstances" or "iam:PassRole", "resource": ARN,
 *	 "context": {"ec2:InstanceType": ["m5.large"], …}}, …]}      (context may be absent)
 *   →	{"allowed": true, "by": "what decided"}
 *	{"allowed": false, "denied_check": 0, "by", "message": IAM's sentence}
 *	The call is in the audit log before it is answered, under the name of its first action of
 *	the service.
 *
 * POST /role-credentials: a session of a role that trusts {"Service": "ec2.amazonaws.com"}
 *	{"account", "role_name" or "role_arn", "session": "i-…", "service": "ec2.amazonaws.com",
 *	 "duration_s": 21600}
 *   →	{"AccessKeyId", "SecretAccessKey", "Token", "Expiration": "2026-01-01T06:00:00Z",
 *	 "LastUpdated"}
 *	In the audit log as AssumeRole, invoked by the service.
 *
 * POST /instance-profile
 *	{"account", "name" or "arn"}
 *   →	{"arn", "id", "name", "roles": [{"arn", "name", "id"}]}
 *
 * Errors are {"__type", "message"} with the status of the KMS API: those of SigV4 as there
 * (MissingAuthenticationTokenException, IncompleteSignatureException, InvalidSignatureException,
 * UnrecognizedClientException, ExpiredTokenException); NotFoundException for a handle that is over
 * (authenticate again), a role or a profile; AccessDeniedException for a peer that may not ask and
 * a role that does not trust the service; ValidationException, SerializationException.
 */
#ifndef KMS_SERVICE_H
#define KMS_SERVICE_H

#include "kms/kms.h"

/* Time for a service to ask what it has to ask about one request, however busy it is. */
#define KMS_SERVICE_HANDLE_MS 60000
/* Resources of one request: an instance has about ten, TerminateInstances names many. */
#define KMS_SERVICE_CHECKS_MAX 256

/* The socket and what else needs more than an isolated process may; nothing when it is off. */
enum rd_status kms_service_open(struct kms *kms, struct rd_error *err) RD_MUST_USE;
/* Serves. */
enum rd_status kms_service_start(struct kms *kms, struct rd_error *err) RD_MUST_USE;
/* Answers what was asked, and ends, whatever there is of it. */
void kms_service_stop(struct kms *kms);

#endif
