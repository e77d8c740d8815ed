/* SPDX-License-Identifier: Apache-2.0 */
/* Making and ending the enclave's parts, and its loop. */
#include "enclave/enclave.h"

#include "enclave/dispatch.h"

#include <signal.h>
#include <stdlib.h>

static void enclave_free(struct enclave **e)
{
	if (*e != NULL) {
		operation_end_all(*e);
		kms_finish(&(*e)->kms);
		gateway_finish(&(*e)->gateway);
		link_finish(&(*e)->link);
		keyring_finish(&(*e)->keyring);
		policy_finish(&(*e)->policy);
		channel_finish(&(*e)->channel);
		rd_watch_free(&(*e)->tick);
		rd_loop_free(&(*e)->loop);
		free(*e);
		*e = NULL;
	}
}

/* The NSM or the test's maker, as librdkms wants it. */
static int attest_for_kms(void *arg, const uint8_t *public_key, size_t public_key_len,
	const uint8_t *user_data, size_t user_data_len, uint8_t *document, size_t *ret_len)
{
	const struct documents *documents = arg;
	struct rd_buf out = rd_buf_fixed(document, RDKMS_DOCUMENT_MAX);
	int failed = documents->make(documents->arg, rd_view(public_key, public_key_len),
		rd_view(user_data, user_data_len), rd_view(NULL, 0), &out);

	*ret_len = out.used;
	return failed;
}

static void set_up(struct enclave *e)
{
	const struct surroundings *around = e->around;

	e->link.fd = e->link.listener = -1;
	e->kms.event = -1;
	e->kms.config = e->config;
	e->kms.transport = around->kms;
	/* It is only read through; librdkms' type says nothing of const. */
	e->kms.documents = (struct rdkms_document_source){
		.attest = attest_for_kms, .arg = (void *)(uintptr_t)&around->documents};
	e->kms.done = dispatch_kms_done;
	e->kms.arg = e;
	e->gateway.config = e->config;
	e->gateway.transport = around->gateway;
	e->gateway.events = (struct gateway_events){.up = dispatch_gateway_up,
		.down = dispatch_gateway_down,
		.answer = dispatch_gateway_answer,
		.arg = e};
}

static enum rd_status start_parts(struct enclave *e, struct rd_error *err)
{
	const struct link_events events = {
		.message = dispatch_message, .closed = dispatch_link_closed, .arg = e};

	if (channel_init(&e->channel) != RD_OK) {
		return rd_fail(err, RD_INTERNAL, "cannot make the channel's key");
	}
	RD_TRY(kms_init(&e->kms, e->loop, err));
	RD_TRY(gateway_init(&e->gateway, e->loop, err));
	RD_TRY(link_init(&e->link, e->loop, &e->around->link, &events, err));
	if (rd_loop_timer(e->loop, dispatch_tick, e, &e->tick) != RD_OK ||
		rd_watch_arm(e->tick, ENCLAVE_TICK_MS) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	return RD_OK;
}

enum rd_status enclave_run(const struct config *config, struct rd_view policy_json,
	const struct surroundings *around, struct rd_error *err)
{
	RD_CLEANUP(enclave_free) struct enclave *e = calloc(1, sizeof(*e));
	struct rdkms_error why;

	if (e == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	e->config = config;
	e->around = around;
	set_up(e);
	RD_TRY(rd_secret_heap_open(ENCLAVE_SECRETS_SIZE, err));
	if (rdkms_init(&why) != RDKMS_OK) {
		return rd_fail(err, RD_INTERNAL, "%s", why.text);
	}
	RD_TRY(policy_parse(policy_json, &e->policy, err));
	e->image_policy_version = e->policy.version;
	if (rd_loop_new(&e->loop) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "no event loop");
	}
	(void)signal(SIGPIPE, SIG_IGN);
	RD_TRY(start_parts(e, err));
	return rd_loop_run(e->loop);
}
