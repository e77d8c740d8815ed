/* SPDX-License-Identifier: Apache-2.0 */
/* The registry. */
#include "redoubtd/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rd_registry_init(struct rd_registry *registry)
{
	*registry = (struct rd_registry){.next_cid = RD_CID_AUTO_MIN};
}

enum rd_status rd_registry_add(struct rd_registry *registry, struct rd_enclave **ret)
{
	struct rd_enclave **last = &registry->first;
	struct rd_enclave *e;

	RD_ENSURE(registry->count < RD_ENCLAVES_MAX, RD_LIMIT);
	e = calloc(1, sizeof(*e));
	RD_ENSURE(e != NULL, RD_NOMEM);
	e->vmm = (struct rd_child)RD_CHILD_INIT;
	e->sock = -1;
	e->cgroup_fd = -1;
	e->state = RD_CTL_STATE_BOOTING;
	while (*last != NULL) {
		last = &(*last)->next;
	}
	*last = e;
	registry->count++;
	*ret = e;
	return RD_OK;
}

void rd_registry_remove(struct rd_registry *registry, struct rd_enclave **enclave)
{
	struct rd_enclave **at = &registry->first;

	while (*at != NULL && *at != *enclave) {
		at = &(*at)->next;
	}
	if (*at != NULL) {
		*at = (*enclave)->next;
		registry->count--;
		free(*enclave);
	}
	*enclave = NULL;
}

struct rd_enclave *rd_registry_by_slot(const struct rd_registry *registry, uint64_t slot_uid)
{
	struct rd_enclave *e = registry->first;

	while (e != NULL && e->launch.slot_uid != slot_uid) {
		e = e->next;
	}
	return e;
}

struct rd_enclave *rd_registry_by_cid(const struct rd_registry *registry, uint64_t cid)
{
	struct rd_enclave *e = registry->first;

	while (e != NULL && e->launch.cid != cid) {
		e = e->next;
	}
	return e;
}

struct rd_enclave *rd_registry_by_name(const struct rd_registry *registry, const char *name)
{
	struct rd_enclave *e = registry->first;

	while (e != NULL && strcmp(e->launch.name, name) != 0) {
		e = e->next;
	}
	return e;
}

enum rd_status rd_slot_of_id(const char *enclave_id, uint64_t *ret_slot)
{
	const char *hex = NULL;
	size_t len;

	for (const char *p = enclave_id; (p = strstr(p, "-enc")) != NULL; p++) {
		hex = p + strlen("-enc");
	}
	RD_ENSURE(hex != NULL, RD_MALFORMED);
	len = strlen(hex);
	RD_ENSURE(len > 0 && len < RD_SLOT_TEXT_SIZE, RD_MALFORMED);
	RD_ENSURE(strspn(hex, "0123456789abcdef") == len, RD_MALFORMED);
	*ret_slot = strtoull(hex, NULL, 16);
	RD_ENSURE(*ret_slot != 0, RD_MALFORMED);
	return RD_OK;
}

void rd_slot_text(uint64_t slot_uid, char ret[RD_SLOT_TEXT_SIZE])
{
	snprintf(ret, RD_SLOT_TEXT_SIZE, "%llx", (unsigned long long)slot_uid);
}

uint64_t rd_registry_make_slot(const struct rd_registry *registry, uint64_t now_ms, uint16_t random)
{
	uint64_t slot = now_ms << 16 | random;

	while (slot == 0 || rd_registry_by_slot(registry, slot) != NULL) {
		slot++;
	}
	return slot;
}

static enum rd_status take_explicit(
	struct rd_registry *registry, uint64_t wanted, uint32_t *ret_cid, struct rd_refusal *ref)
{
	const struct rd_enclave *holder;

	if (wanted < RD_CID_MIN || wanted > RD_CID_MAX) {
		return rd_refuse(ref, RD_E_INVALID_ARGUMENT, RD_OUT_OF_RANGE,
			"CID %llu is reserved: use 4 to 4294967294, or 0 for an automatic one",
			(unsigned long long)wanted);
	}
	holder = rd_registry_by_cid(registry, wanted);
	if (holder != NULL) {
		return rd_refuse(ref, RD_E_INVALID_ARGUMENT, RD_EXISTS,
			"CID %llu is in use by enclave %s (%s): choose another, or 0 for an "
			"automatic one",
			(unsigned long long)wanted, holder->launch.name, holder->launch.enclave_id);
	}
	*ret_cid = (uint32_t)wanted;
	return RD_OK;
}

static uint32_t after(uint32_t cid)
{
	return cid >= RD_CID_AUTO_MAX ? RD_CID_AUTO_MIN : cid + 1;
}

enum rd_status rd_registry_take_cid(
	struct rd_registry *registry, uint64_t wanted, uint32_t *ret_cid, struct rd_refusal *ref)
{
	if (wanted != 0) {
		return take_explicit(registry, wanted, ret_cid, ref);
	}
	/* Ends: there are more automatic CIDs than enclaves. */
	while (rd_registry_by_cid(registry, registry->next_cid) != NULL) {
		registry->next_cid = after(registry->next_cid);
	}
	*ret_cid = registry->next_cid;
	registry->next_cid = after(registry->next_cid);
	return RD_OK;
}

void rd_registry_note_cid(struct rd_registry *registry, uint64_t cid)
{
	if (cid >= registry->next_cid && cid <= RD_CID_AUTO_MAX) {
		registry->next_cid = after((uint32_t)cid);
	}
}

enum rd_status rd_registry_make_name(const struct rd_registry *registry, const char *wanted,
	char ret[RD_CTL_NAME_MAX + 1], struct rd_refusal *ref)
{
	char name[RD_CTL_NAME_MAX + 1];
	int n = snprintf(name, sizeof(name), "%s", wanted);

	for (unsigned i = 1; n >= 0 && (size_t)n < sizeof(name); i++) {
		if (rd_registry_by_name(registry, name) == NULL) {
			memcpy(ret, name, sizeof(name));
			return RD_OK;
		}
		n = snprintf(name, sizeof(name), "%s_%u", wanted, i);
	}
	return rd_refuse(ref, RD_E_INVALID_ARGUMENT, RD_LIMIT,
		"the name is longer than %d bytes: see --enclave-name", RD_CTL_NAME_MAX);
}
