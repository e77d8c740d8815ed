/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's identity, as an object that owns memory. */
#include "kms/identity.h"

#include <stdlib.h>

void kms_identity_finish(struct kms_identity *identity)
{
	free(identity->session_policy);
	free(identity->tags);
	identity->session_policy = NULL;
	identity->tags = NULL;
	identity->n_tags = 0;
}
