/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to the service door (service.h). One thread serves it: nothing here is locked. */
#ifndef KMS_SERVICE_INTERNAL_H
#define KMS_SERVICE_INTERNAL_H

#include "kms/call.h"
#include "kms/service.h"

#include <sys/types.h>

/* Callers whom a service has asked about lately: a second's worth at a thousand calls a second is
 * the least that a handle lives when more come. */
#define KMS_SERVICE_HANDLES 1024
#define KMS_HANDLE_SECRET   16

struct kms_service_handle {
	uint8_t secret[KMS_HANDLE_SECRET];
	int64_t until_ms;
	struct kms_identity who;
	char peer[64];
	char user_agent[256];
	bool tls;
};

struct kms_service_door {
	struct rd_db *db;
	int listener; /* -1: none */
	uid_t users[KMS_SERVICE_USERS_MAX];
	size_t n_users;
	struct rd_http_server *server;
	/* A ring; the oldest makes room. */
	struct kms_service_handle *handles[KMS_SERVICE_HANDLES];
	size_t next_handle;
};

/*
 * One question. call->in is its JSON; on RD_OK, or with the answer made, call->out is what is
 * answered with 200, and the fault, if there is one, is for the record.
 */
typedef enum rd_status kms_service_fn(struct kms_service_door *door, struct kms_call *call);
kms_service_fn kms_service_authenticate, kms_service_authorize, kms_service_role,
	kms_service_profile;

void kms_service_handle_free(struct kms_service_handle **handle);
/* NULL: there is none, or not any more. */
struct kms_service_handle *kms_service_handle_find(
	struct kms_service_door *door, const char *text, int64_t now_ms);

/* service_params.c. Absent and not required: "" or NULL; the fault is set otherwise. Texts are
 * borrowed from object. max: bytes. */
enum rd_status kms_service_text(struct kms_call *call, json_t *object, const char *name,
	bool required, size_t max, const char **ret) RD_MUST_USE;
/* 12 digits. */
enum rd_status kms_service_account(struct kms_call *call, const char **ret) RD_MUST_USE;
enum rd_status kms_service_invalid(struct kms_call *call, const char *name, const char *must)
	RD_MUST_USE;

#endif
