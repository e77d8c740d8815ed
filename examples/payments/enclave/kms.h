/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data keys from the KMS, by attested calls: wrapped ones opened, new ones made. A call takes as
 * long as a network does, so a thread makes them while the loop goes on; one job at a time.
 *
 * Each key is bound to {app, purpose, version} by its encryption context: a wrapped key that the
 * server passes off as another one's is refused by the KMS.
 */
#ifndef ENCLAVE_KMS_H
#define ENCLAVE_KMS_H

#include "crypto/secret.h"
#include "enclave/config.h"
#include "enclave/transport.h"
#include "os/loop.h"
#include "wire/link.h"

#include <pthread.h>
#include <rdkms.h>

struct kms_key {
	uint32_t purpose, version;
	uint8_t wrapped[PAY_WRAPPED_MAX];
	size_t wrapped_len; /* 0: to be made */
	struct rd_secret key;
};

struct kms_job {
	struct kms_key keys[PAY_KEYS_MAX];
	size_t n;
	enum rd_status status; /* of all */
	char why[PAY_TEXT_MAX + 1];
};

struct kms {
	struct rd_loop *loop;
	const struct config *config;
	struct transport transport;
	struct rdkms_document_source documents;
	void (*done)(void *arg); /* in the loop: job's keys or its reason are there */
	void *arg;

	struct rdkms_client *client;
	int event; /* eventfd: the thread has finished */
	struct rd_watch *watch;
	pthread_t thread;
	bool running;
	struct kms_job job; /* the thread's while running */
};

enum rd_status kms_init(struct kms *kms, struct rd_loop *loop, struct rd_error *err) RD_MUST_USE;
/* Waits for a job that runs. */
void kms_finish(struct kms *kms);

/* The parent's credentials, for the jobs to come. RD_AGAIN: a job runs. */
enum rd_status kms_set_credentials(
	struct kms *kms, const struct pay_start *start, struct rd_error *err) RD_MUST_USE;

/* Begins kms->job, which the caller has filled: keys without a wrapped form are made. RD_AGAIN: one
 * runs. */
enum rd_status kms_begin(struct kms *kms, struct rd_error *err) RD_MUST_USE;
/* Wipes what a job has left. Not while one runs. */
void kms_clear(struct kms *kms);

#endif
