/* SPDX-License-Identifier: Apache-2.0 */
/* A real NSM for the tests, whose random bytes count up and whose documents name their inputs. */
#ifndef RD_TEST_NSM_MODEL_H
#define RD_TEST_NSM_MODEL_H

#include "nsm/device.h"

#include <string.h>

struct model {
	struct rd_nsm nsm;
	uint8_t next_random;
	size_t document_size; /* 0: "<user_data>|<nonce>|<public_key>|<locked mask>" */
	enum rd_status fails; /* what random and attest return instead, unless RD_OK */
};

#define MODEL_ROLE     "arn:aws:iam::123456789012:role/Webserver"
#define MODEL_INSTANCE "i-1234567890abcdef0"
#define MODEL_ID       "i-1234567890abcdef0-enc01784234ec227b58"

static enum rd_status model_random(void *ctx, uint8_t *dst, size_t n)
{
	struct model *m = ctx;

	for (size_t i = 0; i < n; i++) {
		dst[i] = m->next_random++;
	}
	m->next_random++;
	return m->fails;
}

static enum rd_status put_field(struct rd_view v, struct rd_buf *out)
{
	RD_TRY(v.ptr == NULL ? rd_buf_put_str(out, "null") : rd_buf_put_view(out, v));
	return rd_buf_u8(out, '|');
}

static enum rd_status model_attest(void *ctx, const struct rd_nsm_attest_request *req,
	const struct rd_nsm_pcrs *pcrs, struct rd_buf *out)
{
	struct model *m = ctx;

	RD_TRY(m->fails);
	if (m->document_size > 0) {
		return rd_buf_put_zeros(out, m->document_size);
	}
	RD_TRY(put_field(req->user_data, out));
	RD_TRY(put_field(req->nonce, out));
	RD_TRY(put_field(req->public_key, out));
	return rd_buf_printf(out, "%08x", pcrs->locked);
}

static const struct rd_nsm_ops model_ops = {model_random, model_attest};

static inline enum rd_status model_init(struct model *m)
{
	struct rd_nsm_boot boot = {.role_arn = MODEL_ROLE, .instance_id = MODEL_INSTANCE};

	memset(boot.pcr0, 0xa0, sizeof(boot.pcr0));
	memset(boot.pcr1, 0xa1, sizeof(boot.pcr1));
	memset(boot.pcr2, 0xa2, sizeof(boot.pcr2));
	memset(boot.pcr8, 0xa8, sizeof(boot.pcr8));
	*m = (struct model){0};
	return rd_nsm_init(&m->nsm, &boot, MODEL_ID, &model_ops, m);
}

#endif
