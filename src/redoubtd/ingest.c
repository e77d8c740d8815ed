/* SPDX-License-Identifier: Apache-2.0 */
/* From RUN to LAUNCH. */
#include "redoubtd/ingest.h"

#include "crypto/random.h"
#include "eif/memory.h"
#include "eif/read.h"
#include "eif/signature.h"
#include "os/fd.h"
#include "redoubtd/enclave.h"
#include "redoubtd/instance.h"
#include "redoubtd/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* While the engine is being chosen; the probe has a time-out of its own. */
#define ENGINE_WAIT_MS 20
/* Leaves most of an error's text to the cause. */
#define PATH_SHOWN_MAX 200

struct rd_ingest {
	struct rd_client *client;
	struct rd_daemon *daemon;
	struct rd_enclave *enclave;
	struct rd_watch *timer;
	struct rd_eif_parser *parser;
	int fd;
	uint64_t offset;
	uint64_t size;
	char path[RD_CTL_TEXT_MAX +
		  1]; /* where nitro-cli found the image; "" when it does not say */
};

static void free_ingest(struct rd_ingest **ingest)
{
	struct rd_ingest *in = *ingest;

	if (in == NULL) {
		return;
	}
	rd_watch_free(&in->timer);
	rd_eif_parser_free(&in->parser);
	rd_fd_close(&in->fd);
	free(in);
	*ingest = NULL;
}

void rd_ingest_cancel(struct rd_ingest **ingest)
{
	if ((*ingest)->enclave != NULL) {
		rd_enclave_drop((*ingest)->enclave);
	}
	free_ingest(ingest);
}

/* What is wrong with the image begins with its path, of a long one the end. */
static void name_image(const struct rd_ingest *in, struct rd_refusal *ref)
{
	size_t len = strlen(in->path);
	const char *shown = len > PATH_SHOWN_MAX ? in->path + len - PATH_SHOWN_MAX : in->path;

	if (ref->code == RD_E_EIF || ref->code == RD_E_EIF_SIGNATURE) {
		(void)rd_error_wrap(&ref->err, ref->err.status, "%s%s",
			shown == in->path ? "" : "...", len == 0 ? "the image" : shown);
	}
}

static void refuse(struct rd_ingest *in, struct rd_refusal *ref)
{
	struct rd_client *c = in->client;

	name_image(in, ref);
	rd_client_error(c, ref->code, ref->err.text);
	rd_ingest_cancel(&c->ingest);
}

static enum rd_status check_file(struct rd_ingest *in, struct rd_refusal *ref)
{
	if (rd_fd_require_sealed(in->fd) != RD_OK || rd_fd_size(in->fd, &in->size) != RD_OK) {
		return rd_refuse(ref, RD_E_FILE, RD_FORBIDDEN,
			"the image was not sent as a sealed memory file");
	}
	if (in->size == 0) {
		return rd_refuse(ref, RD_E_EIF, RD_TRUNCATED, "the file is empty");
	}
	return RD_OK;
}

static enum rd_status make_slot(struct rd_daemon *d, uint64_t *ret, struct rd_refusal *ref)
{
	uint16_t random = 0;

	if (rd_random_bytes(&random, sizeof(random)) != RD_OK) {
		return rd_refuse(
			ref, RD_E_SPAWN, RD_INTERNAL, "no random bytes for the enclave's id");
	}
	*ret = rd_registry_make_slot(&d->host.registry, rd_daemon_now_ms(), random);
	while (rd_instance_slot_taken(d, *ret)) {
		(*ret)++;
	}
	return RD_OK;
}

/* All or nothing; what was taken is given back by rd_enclave_drop. */
static enum rd_status admit(
	struct rd_ingest *in, const struct rd_ctl_run *run, struct rd_refusal *ref)
{
	struct rd_daemon *d = in->daemon;
	struct rd_domain *domain = in->client->domain;
	struct rd_ctl_launch l = {0};
	uint32_t cid = 0;

	RD_TRY(rd_registry_take_cid(&domain->registry, run->cid, &cid, ref));
	RD_TRY(rd_registry_make_name(&domain->registry, run->name, l.name, ref));
	RD_TRY(make_slot(d, &l.slot_uid, ref));
	if (domain->registry.count >= domain->enclaves_max ||
		rd_registry_add(&domain->registry, &in->enclave) != RD_OK) {
		return rd_refuse(ref, RD_E_SPAWN, RD_LIMIT,
			"there are %zu enclaves already: terminate one", domain->registry.count);
	}
	in->enclave->daemon = d;
	in->enclave->domain = domain;
	rd_instance_name_enclave(domain, d, &l);
	l.cid = cid;
	l.debug = run->debug;
	l.owner_uid = in->client->peer.uid;
	l.owner_gid = in->client->peer.gid;
	l.eif_size = in->size;
	rd_slot_text(l.slot_uid, in->enclave->slot);
	snprintf(l.enclave_id, sizeof(l.enclave_id), "%s-enc%s", domain->instance_id,
		in->enclave->slot);
	snprintf(l.instance_id, sizeof(l.instance_id), "%s", domain->instance_id);
	snprintf(l.region, sizeof(l.region), "%s", d->config.region);
	if ((size_t)snprintf(l.dir, sizeof(l.dir), "%s/enclaves/%s", d->paths.run,
		    in->enclave->slot) >= sizeof(l.dir)) {
		return rd_refuse(ref, RD_E_FILE, RD_LIMIT,
			"the path of the run directory is too long for sockets: %s", d->paths.run);
	}
	in->enclave->launch = l;
	RD_TRY(rd_pool_take(&domain->pool, run->memory_mib, run->cpu_count, &run->cpu_ids,
		&in->enclave->launch.cpu_ids, ref));
	in->enclave->launch.memory_mib = run->memory_mib;
	rd_instance_take_memory(in->enclave);
	return RD_OK;
}

static enum rd_status check_signature(
	struct rd_ingest *in, const struct rd_eif_info *info, struct rd_refusal *ref)
{
	struct rd_eif_signature sig RD_CLEANUP(rd_eif_signature_finish) = {0};

	if (info->signature.ptr == NULL) {
		return RD_OK;
	}
	ref->code = RD_E_EIF_SIGNATURE;
	RD_TRY(rd_eif_signature_open(info->signature, info->pcrs.pcr0, &sig, &ref->err));
	RD_TRY(rd_eif_signature_check(&sig, (int64_t)(rd_daemon_now_ms() / 1000), &ref->err));
	memcpy(in->enclave->launch.pcr8, sig.pcr8, sizeof(sig.pcr8));
	return RD_OK;
}

static enum rd_status check_memory(
	struct rd_ingest *in, const struct rd_eif_info *info, struct rd_refusal *ref)
{
	uint64_t need = rd_eif_memory_needed_mib(info);

	if (in->enclave->launch.memory_mib < need) {
		return rd_refuse(ref, RD_E_MEMORY_TOO_SMALL, RD_LIMIT,
			"the image needs at least %llu MiB to boot, %llu MiB were asked for: raise "
			"--memory",
			(unsigned long long)need,
			(unsigned long long)in->enclave->launch.memory_mib);
	}
	return RD_OK;
}

/* The whole image has been read: judge it. *ret_metadata lives as long as the parser. */
static enum rd_status judge(
	struct rd_ingest *in, struct rd_view *ret_metadata, struct rd_refusal *ref)
{
	const struct rd_eif_info *info = NULL;
	struct rd_ctl_launch *l = &in->enclave->launch;

	ref->code = RD_E_EIF;
	RD_TRY(rd_eif_parser_finish(in->parser, &info, &ref->err));
	RD_TRY(rd_eif_check_runnable(info, &ref->err));
	RD_TRY(check_signature(in, info, ref));
	RD_TRY(check_memory(in, info, ref));
	memcpy(l->pcr0, info->pcrs.pcr0, sizeof(l->pcr0));
	memcpy(l->pcr1, info->pcrs.pcr1, sizeof(l->pcr1));
	memcpy(l->pcr2, info->pcrs.pcr2, sizeof(l->pcr2));
	*ret_metadata = info->metadata;
	return RD_OK;
}

static enum rd_status launch(struct rd_ingest *in, struct rd_refusal *ref)
{
	const struct rd_engine *engine = &in->daemon->engine;
	struct rd_ctl_launch *l = &in->enclave->launch;
	struct rd_view metadata = {0};

	if (in->enclave->memory_refused) {
		return rd_refuse(ref, RD_E_MEMORY_NOT_AVAILABLE, RD_TIMEOUT, RD_ENCLAVE_NO_MEMORY);
	}
	RD_TRY(judge(in, &metadata, ref));
	l->engine = (uint64_t)engine->engine;
	memcpy(l->engine_reason, engine->reason, sizeof(l->engine_reason));
	return rd_launch(in->enclave, in->fd, metadata, ref);
}

static void finish(struct rd_ingest *in)
{
	struct rd_refusal ref = {.code = RD_E_SPAWN, .err = {.text = "internal error"}};
	struct rd_client *c = in->client;

	if (launch(in, &ref) != RD_OK) {
		refuse(in, &ref);
		return;
	}
	c->running = in->enclave;
	in->enclave->runner = c;
	free_ingest(&c->ingest);
}

static enum rd_status read_step(struct rd_ingest *in, struct rd_refusal *ref)
{
	static uint8_t piece[RD_INGEST_STEP];
	uint64_t left = in->size - in->offset;
	size_t n = left < sizeof(piece) ? (size_t)left : sizeof(piece);

	if (rd_fd_pread_full(in->fd, piece, n, in->offset) != RD_OK) {
		return rd_refuse(ref, RD_E_FILE, RD_IO, "the image cannot be read");
	}
	ref->code = RD_E_EIF;
	RD_TRY(rd_eif_parser_feed(in->parser, rd_view(piece, n), &ref->err));
	in->offset += n;
	return RD_OK;
}

static void step(void *arg)
{
	struct rd_ingest *in = arg;
	struct rd_refusal ref = {.code = RD_E_EIF, .err = {.text = "internal error"}};
	bool whole = in->offset == in->size;

	if (whole && in->enclave->waits_for_memory && in->enclave->lent_mib == 0) {
		return; /* rd_ingest_memory goes on with it */
	}
	if (whole && in->daemon->engine.known) {
		finish(in);
		return;
	}
	if ((!whole && read_step(in, &ref) != RD_OK) ||
		rd_watch_arm(in->timer, whole ? ENGINE_WAIT_MS : 0) != RD_OK) {
		refuse(in, &ref);
	}
}

void rd_ingest_memory(struct rd_ingest *in)
{
	struct rd_refusal ref = {.code = RD_E_SPAWN};

	if (rd_watch_arm(in->timer, 0) != RD_OK) {
		(void)rd_refuse(&ref, RD_E_SPAWN, RD_NOMEM, "out of memory");
		refuse(in, &ref);
	}
}

static enum rd_status begin(
	struct rd_ingest *in, const struct rd_ctl_run *run, struct rd_refusal *ref)
{
	RD_TRY(check_file(in, ref));
	RD_TRY(admit(in, run, ref));
	if (rd_eif_parser_new(&in->parser) != RD_OK ||
		rd_loop_timer(in->daemon->loop, step, in, &in->timer) != RD_OK ||
		rd_watch_arm(in->timer, 0) != RD_OK) {
		return rd_refuse(ref, RD_E_SPAWN, RD_NOMEM, "out of memory");
	}
	return RD_OK;
}

void rd_ingest_start(struct rd_client *c, const struct rd_ctl_run *run, int eif_fd)
{
	struct rd_refusal ref = {.code = RD_E_SPAWN, .err = {.text = "internal error"}};
	struct rd_ctl_message m = {
		.type = RD_CTL_PROGRESS, .progress = {.text = "Start allocating memory..."}};
	struct rd_ingest *in = calloc(1, sizeof(*in));

	if (in == NULL) {
		rd_fd_close(&eif_fd);
		rd_client_error(c, RD_E_SPAWN, "out of memory");
		return;
	}
	*in = (struct rd_ingest){.client = c, .daemon = c->daemon, .fd = eif_fd};
	memcpy(in->path, run->eif_path, sizeof(in->path));
	c->ingest = in;
	rd_client_send(c, &m, -1);
	if (begin(in, run, &ref) != RD_OK) {
		refuse(in, &ref);
	}
}
