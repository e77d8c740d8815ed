/* SPDX-License-Identifier: Apache-2.0 */
/* Enclaves as JSON. */
#include "nitro-cli/enclave_json.h"

#include "base/text.h"

#include <string.h>

/* As a shell says it: 128 + the signal's number. */
#define SIGNAL_STATUS_BASE 128

static json_t *cpu_list(const struct rd_ctl_u64s *cpus)
{
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < cpus->count; i++) {
		if (json_array_append_new(list, json_integer((json_int_t)cpus->items[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static enum rd_status set_number(json_t *object, const char *key, uint64_t v)
{
	return cli_json_set(object, key, json_integer((json_int_t)v));
}

enum rd_status cli_enclave_json(const struct rd_ctl_enclave *e, json_t **ret_object)
{
	json_t *o RD_CLEANUP(cli_json_free) = json_object();

	RD_ENSURE(o != NULL, RD_NOMEM);
	RD_TRY(cli_json_set_text(o, "EnclaveName", e->name));
	RD_TRY(cli_json_set_text(o, "EnclaveID", e->enclave_id));
	RD_TRY(set_number(o, "ProcessID", e->pid));
	RD_TRY(set_number(o, "EnclaveCID", e->cid));
	RD_TRY(set_number(o, "NumberOfCPUs", e->cpu_ids.count));
	RD_TRY(cli_json_set(o, "CPUIDs", cpu_list(&e->cpu_ids)));
	RD_TRY(set_number(o, "MemoryMiB", e->memory_mib));
	*ret_object = rd_steal(&o, NULL);
	return RD_OK;
}

/* EMPTY is AWS's word for an enclave that has not come up yet. */
static const char *state_name(uint64_t state)
{
	switch ((enum rd_ctl_state)state) {
	case RD_CTL_STATE_BOOTING:
		return "EMPTY";
	case RD_CTL_STATE_RUNNING:
		return "RUNNING";
	case RD_CTL_STATE_ENDING:
		return "TERMINATING";
	case RD_CTL_STATE_ENDED:
		return "TERMINATED";
	}
	return "UNKNOWN";
}

enum rd_status cli_enclave_json_state(json_t *object, const struct rd_ctl_enclave *e)
{
	static const uint8_t zero[RD_CTL_PCR_SIZE];
	bool is_signed = memcmp(e->pcr8, zero, sizeof(zero)) != 0;
	json_t *measurements = NULL;

	RD_TRY(cli_json_set_text(object, "State", state_name(e->state)));
	RD_TRY(cli_json_set_text(object, "Flags", e->debug ? "DEBUG_MODE" : "NONE"));
	if (!e->full) {
		return RD_OK;
	}
	RD_TRY(cli_json_measurements(
		e->pcr0, e->pcr1, e->pcr2, is_signed ? e->pcr8 : NULL, &measurements));
	return cli_json_set(object, "Measurements", measurements);
}

static enum rd_status set_time(json_t *object, const char *key, uint64_t unix_ms)
{
	char text[RD_TIME_TEXT_SIZE];

	rd_time_string(unix_ms, text);
	return cli_json_set_text(object, key, text);
}

enum rd_status cli_enclave_json_end(json_t *object, const struct rd_ctl_enclave *e)
{
	json_t *status = json_null();

	if (e->cause == RD_CTL_CAUSE_EXITED) {
		status = json_integer((json_int_t)e->exit_status);
	} else if (e->cause == RD_CTL_CAUSE_SIGNALED) {
		status = json_integer((json_int_t)(SIGNAL_STATUS_BASE + e->exit_status));
	}
	RD_TRY(cli_json_set_text(object, "ExitReason", e->text));
	RD_TRY(cli_json_set(object, "ExitStatus", status));
	RD_TRY(set_time(object, "StartTime", e->started_ms));
	return set_time(object, "EndTime", e->ended_ms);
}
