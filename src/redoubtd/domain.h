/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have enclaves: this host, in local mode, or one parent instance. Names, CIDs and CPUs are
 * a domain's own, and who asks in a domain sees nothing of the others.
 */
#ifndef RD_REDOUBTD_DOMAIN_H
#define RD_REDOUBTD_DOMAIN_H

#include "redoubtd/identity.h"
#include "redoubtd/pool.h"
#include "redoubtd/registry.h"

struct rd_instance;

struct rd_domain {
	struct rd_instance *instance; /* NULL: this host */
	char instance_id[RD_INSTANCE_ID_MAX + 1];
	size_t enclaves_max;
	struct rd_registry registry;
	struct rd_pool pool;
};

#endif
