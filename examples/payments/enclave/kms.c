/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that calls the KMS. */
#include "enclave/kms.h"

#include "base/secret.h"
#include "os/fd.h"
#include "os/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static enum rd_status call(
	struct kms *kms, struct kms_key *key, struct rdkms_result *result, struct rdkms_error *err)
{
	char version[16];
	const struct rdkms_pair context[] = {
		{"app", "redoubt-payments"},
		{"purpose", pay_purpose_name(key->purpose)},
		{"version", version},
	};
	struct rdkms_request request = {
		.operation = key->wrapped_len > 0 ? RDKMS_DECRYPT : RDKMS_GENERATE_DATA_KEY,
		.key_id = kms->config->kms.key_id,
		.context = context,
		.n_context = RD_ARRAY_LEN(context),
	};

	(void)snprintf(version, sizeof(version), "%u", key->version);
	if (key->wrapped_len > 0) {
		request.ciphertext = (struct rdkms_bytes){key->wrapped, key->wrapped_len};
	} else {
		request.key_spec = "AES_256";
	}
	return rdkms_call(kms->client, &request, result, err) == RDKMS_OK ? RD_OK : RD_DENIED;
}

static enum rd_status keep(struct kms_key *key, const struct rdkms_result *result)
{
	RD_TRY(rd_secret_init(&key->key, result->plaintext.len));
	RD_TRY(rd_secret_set(&key->key, rd_view(result->plaintext.ptr, result->plaintext.len)));
	if (key->wrapped_len == 0) {
		RD_ENSURE(result->ciphertext_len <= sizeof(key->wrapped), RD_LIMIT);
		memcpy(key->wrapped, result->ciphertext, result->ciphertext_len);
		key->wrapped_len = result->ciphertext_len;
	}
	return RD_OK;
}

static enum rd_status get_key(struct kms *kms, struct kms_key *key, char *why, size_t why_size)
{
	struct rdkms_result result = {0};
	struct rdkms_error err = {.text = ""};
	enum rd_status st = call(kms, key, &result, &err);

	if (st == RD_OK) {
		st = keep(key, &result);
	}
	if (st != RD_OK) {
		(void)snprintf(why, why_size, "key %s version %u: %.400s",
			pay_purpose_name(key->purpose), key->version,
			err.text[0] != '\0' ? err.text : rd_status_text(st));
	}
	rdkms_result_finish(&result);
	return st;
}

static void *run(void *arg)
{
	struct kms *kms = arg;
	struct kms_job *job = &kms->job;
	uint64_t one = 1;

	job->status = RD_OK;
	for (size_t i = 0; i < job->n && job->status == RD_OK; i++) {
		job->status = get_key(kms, &job->keys[i], job->why, sizeof(job->why));
	}
	/* A counter of 1 always fits. */
	if (write(kms->event, &one, sizeof(one)) != (ssize_t)sizeof(one)) {
		abort();
	}
	return NULL;
}

static void on_event(void *arg, unsigned events)
{
	struct kms *kms = arg;
	uint64_t count;

	(void)events;
	if (read(kms->event, &count, sizeof(count)) != (ssize_t)sizeof(count)) {
		return;
	}
	(void)pthread_join(kms->thread, NULL);
	kms->running = false;
	kms->done(kms->arg);
}

enum rd_status kms_init(struct kms *kms, struct rd_loop *loop, struct rd_error *err)
{
	kms->loop = loop;
	kms->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (kms->event < 0 || rd_loop_watch_fd(loop, kms->event, RD_LOOP_READ, on_event, kms,
				      &kms->watch) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "no event descriptor");
	}
	return RD_OK;
}

void kms_finish(struct kms *kms)
{
	if (kms->running) {
		(void)pthread_join(kms->thread, NULL);
		kms->running = false;
	}
	kms_clear(kms);
	rdkms_client_free(&kms->client);
	rd_watch_free(&kms->watch);
	rd_fd_close(&kms->event);
}

/* A NUL-terminated copy in secret memory. */
static enum rd_status copy(struct rd_secret *s, struct rd_view text, const char **ret)
{
	*ret = NULL;
	if (text.len == 0) {
		return RD_OK;
	}
	RD_TRY(rd_secret_init(s, text.len + 1));
	RD_TRY(rd_secret_set(s, text));
	s->ptr[text.len] = '\0';
	*ret = (const char *)s->ptr;
	return RD_OK;
}

static enum rd_status make_client(
	struct kms *kms, struct rdkms_config *config, struct rd_error *err)
{
	struct rdkms_error why;

	config->region = kms->config->kms.region;
	config->endpoint = kms->config->kms.endpoint;
	config->ca_file = kms->config->kms.ca_file;
	config->vsock_port = kms->transport.port;
	config->unix_path = kms->transport.unix_path;
	config->bind_request = true;
	config->documents = kms->documents;
	rdkms_client_free(&kms->client);
	if (rdkms_client_new(config, &kms->client, &why) != RDKMS_OK) {
		return rd_fail(err, RD_USAGE, "%s", why.text);
	}
	return RD_OK;
}

enum rd_status kms_set_credentials(
	struct kms *kms, const struct pay_start *start, struct rd_error *err)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret id = {0};
	RD_CLEANUP(rd_secret_finish) struct rd_secret secret = {0};
	RD_CLEANUP(rd_secret_finish) struct rd_secret token = {0};
	struct rdkms_config config;

	RD_ENSURE(!kms->running, rd_fail(err, RD_AGAIN, "the KMS is being asked: try again"));
	rdkms_config_init(&config);
	if (copy(&id, start->access_key_id, &config.access_key_id) != RD_OK ||
		copy(&secret, start->secret_access_key, &config.secret_access_key) != RD_OK ||
		copy(&token, start->session_token, &config.session_token) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "no locked memory for the credentials");
	}
	return make_client(kms, &config, err);
}

enum rd_status kms_begin(struct kms *kms, struct rd_error *err)
{
	RD_ENSURE(!kms->running, rd_fail(err, RD_AGAIN, "the KMS is being asked: try again"));
	RD_TRY(rd_thread_start(&kms->thread, "kms", run, kms, err));
	kms->running = true;
	return RD_OK;
}

void kms_clear(struct kms *kms)
{
	for (size_t i = 0; i < kms->job.n; i++) {
		rd_secret_finish(&kms->job.keys[i].key);
	}
	kms->job = (struct kms_job){0};
}
