/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a request's encryption context. */
#include "kms/encryption_context.h"

#include "envelope/context.h"

#include <stdlib.h>

void kms_encryption_context_finish(struct kms_encryption_context *context)
{
	rd_buf_finish(&context->encoded);
	*context = (struct kms_encryption_context){.json = NULL};
}

static enum rd_status encode(const struct rd_json_pair *pairs, size_t n, struct rd_buf *out)
{
	struct rd_context_pair *sorted;
	enum rd_status st;

	if (pairs == NULL || n == 0) {
		return rd_context_encode(NULL, 0, out);
	}
	sorted = calloc(n, sizeof(*sorted));
	RD_ENSURE(sorted != NULL, RD_NOMEM);
	for (size_t i = 0; i < n; i++) {
		sorted[i] = (struct rd_context_pair){.key = pairs[i].key, .value = pairs[i].value};
	}
	st = rd_context_encode(sorted, n, out);
	free(sorted);
	return st;
}

static enum rd_status read_pairs(struct kms_params *p, const char *name, struct rd_json_pair *pairs,
	struct kms_encryption_context *ret)
{
	size_t n = 0;
	enum rd_status st = rd_json_in_map(&p->in, name, pairs, RD_CONTEXT_PAIRS_MAX, &n);

	if (st == RD_BAD_TYPE) {
		p->st = p->st == RD_OK ? st : p->st;
		return RD_OK;
	}
	RD_TRY(st);
	ret->json = n > 0 ? json_object_get(p->in.object, name) : NULL;
	ret->encoded = rd_buf_growable(RD_CONTEXT_SIZE_MAX);
	return encode(pairs, n, &ret->encoded);
}

enum rd_status kms_encryption_context_read(
	struct kms_params *p, const char *name, struct kms_encryption_context *ret)
{
	size_t n = json_object_size(json_object_get(p->in.object, name));
	struct rd_json_pair *pairs = n == 0 ? NULL : calloc(n, sizeof(*pairs));
	enum rd_status st;

	RD_ENSURE(n == 0 || pairs != NULL, kms_settle(p->call, RD_NOMEM));
	st = read_pairs(p, name, pairs, ret);
	kms_param_show(p, name);
	free(pairs);
	if (st == RD_LIMIT) {
		return kms_fail(p->call, KMS_FAULT_VALIDATION, "%s is larger than %d bytes.", name,
			RD_CONTEXT_SIZE_MAX);
	}
	if (st == RD_MISSING) {
		return kms_fail(p->call, KMS_FAULT_VALIDATION, "%s has an empty key.", name);
	}
	return kms_settle(p->call, st);
}
