/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions and steps in words: the caller's message, and lines for the audit record and `redoubt
 * kms explain`. */
#include "policy/evaluate.h"

static const char *layer_name(enum rd_policy_layer layer)
{
	switch (layer) {
	case RD_LAYER_RESOURCE:
		return "resource-based policy";
	case RD_LAYER_IDENTITY:
		return "identity-based policy";
	case RD_LAYER_BOUNDARY:
		return "permissions boundary";
	case RD_LAYER_SESSION:
		return "session policy";
	case RD_LAYER_GRANT:
		return "grant";
	case RD_LAYER_ROOT:
	default:
		return "account root user";
	}
}

static const char *outcome_text(enum rd_policy_outcome outcome)
{
	switch (outcome) {
	case RD_OUTCOME_MATCH:
		return "matches";
	case RD_OUTCOME_DELEGATES:
		return "matches the caller's account";
	case RD_OUTCOME_ACTION:
		return "is not for this action";
	case RD_OUTCOME_PRINCIPAL:
		return "is not for this caller";
	case RD_OUTCOME_RESOURCE:
		return "is not for this resource";
	case RD_OUTCOME_VARIABLE:
		return "has a policy variable without a value in this request";
	case RD_OUTCOME_CONDITION:
	default:
		return "has a condition that does not hold";
	}
}

static enum rd_status put_reason(const struct rd_policy_request *request,
	const struct rd_policy_decision *d, struct rd_buf *out)
{
	const char *layer = layer_name(d->by.layer);

	if (d->verdict == RD_VERDICT_EXPLICIT_DENY) {
		RD_TRY(rd_buf_put_str(out, " with an explicit deny in "));
		RD_TRY(rd_buf_put_str(out, d->by.layer == RD_LAYER_IDENTITY ? "an " : "a "));
		return rd_buf_put_str(out, layer);
	}
	RD_TRY(rd_buf_put_str(out, " because no "));
	RD_TRY(rd_buf_put_str(out, layer));
	RD_TRY(rd_buf_put_str(out, " allows the "));
	RD_TRY(rd_buf_put_view(out, request->action));
	return rd_buf_put_str(out, " action");
}

enum rd_status rd_policy_denial_message(const struct rd_policy_request *request,
	const struct rd_policy_decision *decision, struct rd_buf *out)
{
	RD_ENSURE(decision->verdict != RD_VERDICT_ALLOW, RD_USAGE);
	RD_TRY(rd_buf_put_str(out, "User: "));
	RD_TRY(rd_buf_put_view(out, request->caller.arn));
	RD_TRY(rd_buf_put_str(out, " is not authorized to perform: "));
	RD_TRY(rd_buf_put_view(out, request->action));
	RD_TRY(rd_buf_put_str(out, " on resource: "));
	RD_TRY(rd_buf_put_view(out, request->resource));
	return put_reason(request, decision, out);
}

/* Of nearly every call: without printf. */
static enum rd_status put_number(size_t number, struct rd_buf *out)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return rd_buf_put(out, digits + at, sizeof(digits) - at);
}

enum rd_status rd_policy_ref_text(const struct rd_policy_ref *ref, struct rd_buf *out)
{
	RD_TRY(rd_buf_put_str(out, layer_name(ref->layer)));
	if (ref->layer == RD_LAYER_GRANT || ref->layer == RD_LAYER_ROOT) {
		return RD_OK;
	}
	RD_TRY(rd_buf_put_str(out, " "));
	RD_TRY(put_number(ref->policy + 1, out));
	RD_TRY(rd_buf_put_str(out, " statement "));
	RD_TRY(put_number(ref->statement + 1, out));
	if (ref->sid.len > 0) {
		RD_TRY(rd_buf_put_str(out, " ("));
		RD_TRY(rd_buf_put_view(out, ref->sid));
		RD_TRY(rd_buf_put_str(out, ")"));
	}
	return RD_OK;
}

enum rd_status rd_policy_step_text(const struct rd_policy_step *step, struct rd_buf *out)
{
	RD_TRY(rd_policy_ref_text(&step->ref, out));
	RD_TRY(rd_buf_put_str(out, step->deny ? ", Deny: " : ", Allow: "));
	RD_TRY(rd_buf_put_str(out, outcome_text(step->outcome)));
	if (step->op.ptr != NULL) {
		RD_TRY(rd_buf_put_str(out, ": "));
		RD_TRY(rd_buf_put_view(out, step->op));
		RD_TRY(rd_buf_put_str(out, " "));
		RD_TRY(rd_buf_put_view(out, step->key));
	}
	return RD_OK;
}
