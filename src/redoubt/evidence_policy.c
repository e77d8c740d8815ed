/* SPDX-License-Identifier: Apache-2.0 */
/* The key policy of an evidence folder: does it keep the keys to the images, and what goes around.
 */
#include "redoubt/evidence.h"

#include "policy/lint.h"
#include "policy/parse.h"

#include <string.h>
#include <strings.h>

struct findings {
	size_t notes;
	bool hole;
	struct rd_error *err;
};

static void see_finding(void *ctx, const struct rd_lint_finding *finding)
{
	struct findings *f = ctx;

	/* Somebody must be able to change a policy; that it is done by two is not in its text. */
	if (strcmp(finding->id, "put-key-policy") == 0) {
		f->notes++;
		return;
	}
	f->hole = true;
	(void)rd_fail(f->err, RD_UNTRUSTED, "redoubt kms lint-policy finds %s: %s", finding->id,
		finding->sentence);
}

static bool is_word(struct rd_view v, const char *word)
{
	return v.len == strlen(word) && strncasecmp((const char *)v.ptr, word, v.len) == 0;
}

static bool demands(const struct rd_policy_condition *c, const char *pcr0)
{
	if (!is_word(c->key, "kms:RecipientAttestation:PCR0") &&
		!is_word(c->key, "kms:RecipientAttestation:ImageSha384")) {
		return false;
	}
	for (size_t i = 0; i < c->operand_count; i++) {
		if (is_word(c->operands[i].pattern.text, pcr0)) {
			return true;
		}
	}
	return false;
}

static bool allows_image(const struct rd_policy *policy, const char *pcr0)
{
	for (size_t i = 0; i < policy->statement_count; i++) {
		const struct rd_policy_statement *s = &policy->statements[i];

		for (size_t j = 0; !s->deny && j < s->condition_count; j++) {
			if (demands(&s->conditions[j], pcr0)) {
				return true;
			}
		}
	}
	return false;
}

enum rd_status evidence_policy_check(
	struct rd_view text, const json_t *images, size_t *ret_notes, struct rd_error *err)
{
	RD_CLEANUP(rd_policy_free) struct rd_policy *policy = NULL;
	struct findings findings = {.err = err};
	struct rd_lint_report report = {.finding = see_finding, .ctx = &findings};
	const json_t *image;
	size_t i;

	RD_TRY(rd_policy_new(text, RD_POLICY_KEY, &policy, err));
	json_array_foreach(images, i, image)
	{
		const char *pcr0 = json_string_value(json_object_get(image, "PCR0"));

		if (pcr0 == NULL || !allows_image(policy, pcr0)) {
			return rd_fail(err, RD_UNTRUSTED,
				"the policy allows nothing to PCR0 of image %zu", i + 1);
		}
	}
	RD_TRY(rd_policy_lint(policy, &report));
	*ret_notes = findings.notes;
	return findings.hole ? RD_UNTRUSTED : RD_OK;
}
