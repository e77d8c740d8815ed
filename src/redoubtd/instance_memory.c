/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instance's memory: what its guest has, and what it has given up for enclaves.
 *
 *	 memory_mib = the guest's + what enclaves have taken or, if that is more, what is set aside
 *
 * The guest gives memory up by its balloon, and that takes seconds; redoubtd tells it a target
 * (BALLOON) and hears when it has got there, or has not in time (BALLOON_AT). guest_mib is the most
 * that it can have meanwhile: it sinks when the guest has given something up, and rises as soon as
 * the guest is told that it may have more. An enclave that fits into what was given up before,
 * which is what setting memory aside is for, waits for nothing.
 */
#include "redoubtd/instance.h"

#include "log/log.h"
#include "redoubtd/clients.h"
#include "redoubtd/enclave.h"
#include "redoubtd/ingest.h"

#include <stdio.h>

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What the guest is to have. */
static uint64_t target_of(const struct rd_instance *in)
{
	uint64_t kept = larger(rd_pool_taken_mib(&in->domain.pool), in->parent.reserve_mib);

	return kept < in->parent.memory_mib ? in->parent.memory_mib - kept : 1;
}

static uint64_t given_up(const struct rd_instance *in)
{
	return in->parent.memory_mib - in->guest_mib;
}

/* The control group holds the guest to what it may have left, and never to less than it has. */
static void set_guest(struct rd_instance *in, uint64_t guest_mib)
{
	in->guest_mib = guest_mib < in->parent.memory_mib ? guest_mib : in->parent.memory_mib;
	if (in->cgroup_fd >= 0) {
		rd_instance_open_cgroup(in, in->guest_mib);
	}
}

enum rd_status rd_instance_set_balloon(struct rd_instance *in)
{
	struct rd_ctl_message m = {
		.type = RD_CTL_VMM_BALLOON, .balloon = {.target_mib = target_of(in)}};

	if (m.balloon.target_mib > in->guest_mib) {
		set_guest(in, m.balloon.target_mib);
	}
	return rd_instance_send(in, &m, -1);
}

static void tell_enclaves(struct rd_instance *in, bool given)
{
	struct rd_client *next;

	for (struct rd_enclave *e = in->domain.registry.first; e != NULL; e = e->next) {
		rd_enclave_memory(e, given);
	}
	for (struct rd_client *c = in->daemon->clients; c != NULL; c = next) {
		next = c->next;
		if (c->domain == &in->domain && c->ingest != NULL) {
			rd_ingest_memory(c->ingest);
		}
	}
}

void rd_instance_take_memory(struct rd_enclave *e)
{
	struct rd_instance *in = e->domain->instance;

	if (in == NULL || rd_pool_taken_mib(&in->domain.pool) <= given_up(in)) {
		return;
	}
	/* A vmm that is gone takes its clients with it. */
	(void)!rd_instance_set_balloon(in);
	e->waits_for_memory = true;
	e->lent_mib = rd_pool_lend(&e->daemon->host.pool, e->launch.memory_mib);
}

/* --- what is set aside --- */

/* On disk, too: a restarted daemon is to know it. */
static enum rd_status set_reserve(
	struct rd_instance *in, uint64_t reserve_mib, struct rd_error *err)
{
	uint64_t before = in->parent.reserve_mib;
	enum rd_status st;

	if (reserve_mib == before) {
		return RD_OK;
	}
	in->parent.reserve_mib = reserve_mib;
	st = rd_instance_write_record(in, err);
	if (st != RD_OK) {
		in->parent.reserve_mib = before;
	}
	return st;
}

/* Back to what was; not being able to write that down changes nothing for the guest. */
static void undo_reserve(struct rd_instance *in, uint64_t reserve_mib)
{
	struct rd_error err = {.text = "internal error"};

	if (set_reserve(in, reserve_mib, &err) != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: %s", in->domain.instance_id, err.text);
		in->parent.reserve_mib = reserve_mib;
	}
}

/* refusal NULL: it has been set aside. */
static void answer_reserver(struct rd_instance *in, const char *refusal)
{
	struct rd_client *c = rd_steal(&in->reserver, NULL);

	in->reserving = false;
	if (c == NULL) {
		return;
	}
	c->reserving = NULL;
	if (refusal == NULL) {
		rd_client_done(c);
	} else {
		rd_client_error(c, RD_E_MEMORY_NOT_AVAILABLE, refusal);
	}
}

static void refuse_reserve(struct rd_instance *in)
{
	char text[RD_CTL_TEXT_MAX + 1];

	snprintf(text, sizeof(text),
		"the instance gave up %llu of %llu MiB: free some of its memory, or set less aside "
		"(it needs the module virtio_balloon)",
		(unsigned long long)given_up(in), (unsigned long long)in->parent.reserve_mib);
	undo_reserve(in, in->reserve_before_mib);
	(void)!rd_instance_set_balloon(in);
	answer_reserver(in, text);
}

/* gave_up: the guest gives no more than it has. */
static void settle_reserve(struct rd_instance *in, bool gave_up)
{
	if (!in->reserving) {
		return;
	}
	if (given_up(in) >= in->parent.reserve_mib) {
		rd_log(RD_LOG_INFO, "%s: %llu MiB are set aside for enclaves",
			in->domain.instance_id, (unsigned long long)in->parent.reserve_mib);
		answer_reserver(in, NULL);
	} else if (gave_up) {
		refuse_reserve(in);
	}
}

static enum rd_status check_reserve(
	const struct rd_instance *in, uint64_t memory_mib, struct rd_refusal *ref)
{
	if (in == NULL) {
		return rd_refuse(ref, RD_E_INVALID_ARGUMENT, RD_UNSUPPORTED,
			"only a parent instance sets memory aside: here memory_mib in "
			"redoubtd.yaml is what enclaves may have");
	}
	if (memory_mib > in->domain.pool.memory_total_mib) {
		return rd_refuse(ref, RD_E_MEMORY_NOT_AVAILABLE, RD_LIMIT,
			"%llu MiB asked for, but of its %llu MiB the instance can set aside %llu "
			"MiB: ask for less, or use a larger instance type",
			(unsigned long long)memory_mib, (unsigned long long)in->parent.memory_mib,
			(unsigned long long)in->domain.pool.memory_total_mib);
	}
	if (in->reserving) {
		return rd_refuse(ref, RD_E_MEMORY_NOT_AVAILABLE, RD_AGAIN,
			"%llu MiB are being set aside already: try again when that is done",
			(unsigned long long)in->parent.reserve_mib);
	}
	return RD_OK;
}

void rd_instance_reserve(struct rd_client *c, uint64_t memory_mib)
{
	struct rd_refusal ref = {.code = RD_E_FILE, .err = {.text = "internal error"}};
	struct rd_instance *in = c->domain->instance;
	uint64_t before = in == NULL ? 0 : in->parent.reserve_mib;
	enum rd_status st = check_reserve(in, memory_mib, &ref);

	if (st == RD_OK) {
		ref.code = RD_E_FILE;
		st = set_reserve(in, memory_mib, &ref.err);
	}
	if (st == RD_OK && rd_instance_set_balloon(in) != RD_OK) {
		undo_reserve(in, before);
		st = rd_refuse(&ref, RD_E_CONNECTION, RD_CLOSED, "the instance is ending");
	}
	if (st != RD_OK) {
		rd_client_error(c, ref.code, ref.err.text);
		return;
	}
	in->reserving = true;
	in->reserve_before_mib = before;
	in->reserver = c;
	c->reserving = in;
	settle_reserve(in, false);
}

void rd_instance_forget_memory(struct rd_instance *in)
{
	if (in->reserving) {
		answer_reserver(in, "the instance began anew");
	}
	undo_reserve(in, 0);
	set_guest(in, in->parent.memory_mib);
	(void)!rd_instance_set_balloon(in);
}

/* --- what the vmm says --- */

void rd_instance_balloon_at(struct rd_instance *in, const struct rd_ctl_balloon *b)
{
	uint64_t target = target_of(in);
	/* A target that came after the one that was given up has an answer of its own. */
	bool gave_up = b->gave_up && b->target_mib == target;

	set_guest(in, larger(b->actual_mib, target));
	if (gave_up) {
		rd_log(RD_LOG_INFO, "%s: its guest keeps %llu MiB, %llu were asked for",
			in->domain.instance_id, (unsigned long long)b->actual_mib,
			(unsigned long long)b->target_mib);
	}
	if (rd_pool_taken_mib(&in->domain.pool) <= given_up(in)) {
		tell_enclaves(in, true);
	} else if (gave_up) {
		tell_enclaves(in, false);
	}
	settle_reserve(in, gave_up);
}
