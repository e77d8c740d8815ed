/* SPDX-License-Identifier: Apache-2.0 */
/* The schema: every field of every control message, once. */
#include "ctl/schema.h"

#define AT(field)       offsetof(struct rd_ctl_message, field)
#define TEXT_MAX(field) (sizeof(((struct rd_ctl_message *)NULL)->field) - 1)

/* Which of min and max a kind uses is said beside the kinds in schema.h. */
#define U64(name, field, mandatory, min, max)                                                      \
	{                                                                                          \
		name, RD_CTL_KIND_U64, mandatory, AT(field), min, max                              \
	}
#define BOOL(name, field)                                                                          \
	{                                                                                          \
		name, RD_CTL_KIND_BOOL, false, AT(field), 0, 1                                     \
	}
#define TEXT(name, field, mandatory)                                                               \
	{                                                                                          \
		name, RD_CTL_KIND_TEXT, mandatory, AT(field), 0, TEXT_MAX(field)                   \
	}
#define PCR(name, field, mandatory)                                                                \
	{                                                                                          \
		name, RD_CTL_KIND_PCR, mandatory, AT(field), RD_CTL_PCR_SIZE, RD_CTL_PCR_SIZE      \
	}
#define BYTES(name, field, max)                                                                    \
	{                                                                                          \
		name, RD_CTL_KIND_BYTES, true, AT(field), 1, max                                   \
	}
#define CPUS(name, field, mandatory)                                                               \
	{                                                                                          \
		name, RD_CTL_KIND_U64S, mandatory, AT(field), 0, RD_CTL_CPU_ID_MAX                 \
	}
/* An id that names something: not empty. */
#define ID(name, field)                                                                            \
	{                                                                                          \
		name, RD_CTL_KIND_TEXT, true, AT(field), 1, TEXT_MAX(field)                        \
	}
#define FORWARDS(name, field)                                                                      \
	{                                                                                          \
		name, RD_CTL_KIND_TEXTS, false, AT(field), 1, RD_CTL_FORWARD_MAX                   \
	}
#define VIEWS(name, field, max)                                                                    \
	{                                                                                          \
		name, RD_CTL_KIND_VIEWS, true, AT(field), 1, max                                   \
	}

/* CIDs are u32 and the last one means "any" (VMADDR_CID_ANY). */
#define CID_MAX 0xfffffffeu
/* Half of the range of the vmms' user ids (vmm/isolate.h). */
#define UID_INDEX_MAX 0x7ffffffu
/* Linux: PID_MAX_LIMIT, and uids are u32. */
#define PID_MAX (4u << 20)
#define UID_MAX 0xffffffffu
/*
 * nitro-cli's codes are E00 to E60, those of instances begin at 100 (codes.h); process exit codes
 * and signal numbers fit a byte.
 */
#define CODE_MAX        127
#define EXIT_STATUS_MAX 255

static const struct rd_ctl_field run_fields[] = {
	TEXT("name", run.name, true),
	U64("memory_mib", run.memory_mib, true, 0, RD_CTL_MEMORY_MIB_MAX),
	U64("cpu_count", run.cpu_count, false, 0, UINT32_MAX),
	CPUS("cpu_ids", run.cpu_ids, false),
	U64("cid", run.cid, false, 0, UINT64_MAX),
	BOOL("debug", run.debug),
	TEXT("eif_path", run.eif_path, false),
};

static const struct rd_ctl_field describe_fields[] = {
	TEXT("enclave_id", describe.enclave_id, false),
	TEXT("name", describe.name, false),
	BOOL("metadata", describe.metadata),
	BOOL("ended", describe.ended),
	TEXT("instance_id", describe.instance_id, false),
};

static const struct rd_ctl_field target_fields[] = {
	TEXT("enclave_id", target.enclave_id, false),
	TEXT("name", target.name, false),
	BOOL("all", target.all),
};

static const struct rd_ctl_field reserve_fields[] = {
	U64("memory_mib", reserve.memory_mib, true, 0, RD_CTL_MEMORY_MIB_MAX),
};

static const struct rd_ctl_field progress_fields[] = {
	TEXT("text", progress.text, true),
};

static const struct rd_ctl_field enclave_fields[] = {
	TEXT("name", enclave.name, true),
	TEXT("enclave_id", enclave.enclave_id, true),
	U64("pid", enclave.pid, false, 0, PID_MAX),
	U64("cid", enclave.cid, true, 0, CID_MAX),
	CPUS("cpu_ids", enclave.cpu_ids, true),
	U64("memory_mib", enclave.memory_mib, true, 0, RD_CTL_MEMORY_MIB_MAX),
	U64("state", enclave.state, true, RD_CTL_STATE_BOOTING, RD_CTL_STATE_ENDED),
	BOOL("debug", enclave.debug),
	BOOL("full", enclave.full),
	U64("owner_uid", enclave.owner_uid, false, 0, UID_MAX),
	PCR("pcr0", enclave.pcr0, false),
	PCR("pcr1", enclave.pcr1, false),
	PCR("pcr2", enclave.pcr2, false),
	PCR("pcr8", enclave.pcr8, false),
	U64("started_ms", enclave.started_ms, false, 0, INT64_MAX),
	U64("ended_ms", enclave.ended_ms, false, 0, INT64_MAX),
	U64("cause", enclave.cause, false, RD_CTL_CAUSE_EXITED, RD_CTL_CAUSE_VMM_LOST),
	U64("exit_status", enclave.exit_status, false, 0, EXIT_STATUS_MAX),
	TEXT("text", enclave.text, false),
	U64("metadata_size", enclave.metadata_size, false, 0, RD_CTL_METADATA_MAX),
};

static const struct rd_ctl_field terminated_fields[] = {
	TEXT("name", terminated.name, true),
	TEXT("enclave_id", terminated.enclave_id, true),
};

static const struct rd_ctl_field console_fd_fields[] = {
	TEXT("enclave_id", console_fd.enclave_id, true),
	U64("cid", console_fd.cid, true, 0, CID_MAX),
	BOOL("ring", console_fd.ring),
};

static const struct rd_ctl_field error_fields[] = {
	U64("code", error.code, true, 0, CODE_MAX),
	TEXT("text", error.text, true),
};

static const struct rd_ctl_field launch_fields[] = {
	TEXT("enclave_id", launch.enclave_id, true),
	U64("slot_uid", launch.slot_uid, true, 1, UINT64_MAX),
	TEXT("name", launch.name, true),
	U64("cid", launch.cid, true, 4, CID_MAX),
	U64("memory_mib", launch.memory_mib, true, 1, RD_CTL_MEMORY_MIB_MAX),
	CPUS("cpu_ids", launch.cpu_ids, true),
	BOOL("debug", launch.debug),
	U64("engine", launch.engine, true, RD_CTL_ENGINE_QEMU_TCG, RD_CTL_ENGINE_QEMU_KVM),
	TEXT("engine_reason", launch.engine_reason, true),
	PCR("pcr0", launch.pcr0, true),
	PCR("pcr1", launch.pcr1, true),
	PCR("pcr2", launch.pcr2, true),
	PCR("pcr8", launch.pcr8, false),
	TEXT("instance_id", launch.instance_id, true),
	TEXT("region", launch.region, true),
	TEXT("dir", launch.dir, true),
	U64("owner_uid", launch.owner_uid, true, 0, UID_MAX),
	U64("owner_gid", launch.owner_gid, true, 0, UID_MAX),
	U64("eif_size", launch.eif_size, true, 1, INT64_MAX),
	BOOL("parent", launch.parent),
	TEXT("role_arn", launch.role_arn, false),
	U64("uid_index", launch.uid_index, false, 0, UID_INDEX_MAX),
};

static const struct rd_ctl_field leaf_fields[] = {
	BYTES("certificate", leaf.certificate, RD_CTL_CERTIFICATE_MAX),
	VIEWS("cabundle", leaf.cabundle, RD_CTL_CERTIFICATE_MAX),
};

static const struct rd_ctl_field leaf_request_fields[] = {
	BYTES("spki", leaf_request.spki, RD_CTL_SPKI_MAX),
};

static const struct rd_ctl_field status_fields[] = {
	TEXT("enclave_id", status.enclave_id, true),
	U64("state", status.state, true, RD_CTL_STATE_BOOTING, RD_CTL_STATE_ENDING),
	U64("vmm_pid", status.vmm_pid, true, 1, PID_MAX),
	U64("engine_pid", status.engine_pid, false, 0, PID_MAX),
};

static const struct rd_ctl_field booted_fields[] = {
	U64("boot_ms", booted.boot_ms, true, 0, INT64_MAX),
};

static const struct rd_ctl_field ended_fields[] = {
	U64("cause", ended.cause, true, RD_CTL_CAUSE_EXITED, RD_CTL_CAUSE_ENGINE),
	U64("exit_status", ended.exit_status, false, 0, EXIT_STATUS_MAX),
	U64("code", ended.code, false, 0, CODE_MAX),
	TEXT("text", ended.text, true),
};

static const struct rd_ctl_field instance_run_fields[] = {
	ID("instance_id", instance_run.instance_id),
	U64("cpus", instance_run.cpus, true, 1, RD_CTL_CPUS_MAX),
	U64("memory_mib", instance_run.memory_mib, true, 1, RD_CTL_MEMORY_MIB_MAX),
	BOOL("enclaves", instance_run.enclaves),
	BOOL("strict", instance_run.strict),
	BOOL("fresh", instance_run.fresh),
	TEXT("role_arn", instance_run.role_arn, false),
	TEXT("account", instance_run.account, false),
	ID("image_format", instance_run.image_format),
	U64("disk_gib", instance_run.disk_gib, false, 0, RD_CTL_DISK_GIB_MAX),
	TEXT("mac", instance_run.mac, false),
	TEXT("private_ip", instance_run.private_ip, false),
	TEXT("hostname", instance_run.hostname, false),
	TEXT("imds", instance_run.imds, false),
	U64("hops", instance_run.hops, false, 0, RD_CTL_HOPS_MAX),
	FORWARDS("forwards", instance_run.forwards),
};

static const struct rd_ctl_field instance_target_fields[] = {
	ID("instance_id", instance_target.instance_id),
	BOOL("hard", instance_target.hard),
};

static const struct rd_ctl_field instance_describe_fields[] = {
	TEXT("instance_id", instance_target.instance_id, false),
};

static const struct rd_ctl_field instance_forwards_fields[] = {
	ID("instance_id", instance_forwards.instance_id),
	U64("hops", instance_forwards.hops, false, 0, RD_CTL_HOPS_MAX),
	FORWARDS("forwards", instance_forwards.forwards),
};

static const struct rd_ctl_field instance_fields[] = {
	ID("instance_id", instance.instance_id),
	U64("state", instance.state, true, RD_CTL_INSTANCE_PENDING, RD_CTL_INSTANCE_TERMINATED),
	U64("pid", instance.pid, false, 0, PID_MAX),
	U64("started_ms", instance.started_ms, false, 0, INT64_MAX),
	U64("cause", instance.cause, false, RD_CTL_CAUSE_EXITED, RD_CTL_CAUSE_VMM_LOST),
	TEXT("text", instance.text, false),
	U64("cpus", instance.cpus, false, 0, RD_CTL_CPUS_MAX),
	U64("memory_mib", instance.memory_mib, false, 0, RD_CTL_MEMORY_MIB_MAX),
	U64("enclave_count", instance.enclave_count, false, 0, UINT32_MAX),
	FORWARDS("forwards", instance.forwards),
};

static const struct rd_ctl_field parent_fields[] = {
	ID("instance_id", parent.instance_id),
	U64("cpus", parent.cpus, true, 1, RD_CTL_CPUS_MAX),
	CPUS("cpu_ids", parent.cpu_ids, true),
	U64("memory_mib", parent.memory_mib, true, 1, RD_CTL_MEMORY_MIB_MAX),
	BOOL("enclaves", parent.enclaves),
	U64("started_ms", parent.started_ms, true, 0, INT64_MAX),
	U64("engine", parent.engine, true, RD_CTL_ENGINE_QEMU_TCG, RD_CTL_ENGINE_QEMU_KVM),
	TEXT("engine_reason", parent.engine_reason, true),
	ID("dir", parent.dir),
	U64("uid_index", parent.uid_index, true, 1, UID_INDEX_MAX),
	ID("image_format", parent.image_format),
	U64("disk_bytes", parent.disk_bytes, true, 1, INT64_MAX),
	TEXT("mac", parent.mac, false),
	TEXT("private_ip", parent.private_ip, false),
	TEXT("hostname", parent.hostname, false),
	TEXT("imds", parent.imds, false),
	U64("hops", parent.hops, false, 0, RD_CTL_HOPS_MAX),
	FORWARDS("forwards", parent.forwards),
	BOOL("strict", parent.strict),
	TEXT("role_arn", parent.role_arn, false),
	TEXT("account", parent.account, false),
	U64("reserve_mib", parent.reserve_mib, false, 0, RD_CTL_MEMORY_MIB_MAX),
};

static const struct rd_ctl_field vmm_stop_fields[] = {
	BOOL("hard", vmm_stop.hard),
};

static const struct rd_ctl_field balloon_fields[] = {
	U64("target_mib", balloon.target_mib, true, 1, RD_CTL_MEMORY_MIB_MAX),
	U64("actual_mib", balloon.actual_mib, false, 0, RD_CTL_MEMORY_MIB_MAX),
	BOOL("gave_up", balloon.gave_up),
};

static const struct rd_ctl_field peer_fields[] = {
	U64("cid", peer.cid, true, 4, CID_MAX),
};

static const struct rd_ctl_field vmm_forwards_fields[] = {
	U64("hops", vmm_forwards.hops, false, 0, RD_CTL_HOPS_MAX),
	FORWARDS("forwards", vmm_forwards.forwards),
};

#define FIELDS(f) f##_fields, RD_ARRAY_LEN(f##_fields)
#define NO_FIELDS NULL, 0

static const struct rd_ctl_schema schemas[] = {
	{RD_CTL_RUN, "RUN", RD_CTL_CLIENT_TO_DAEMON, 1, 1, FIELDS(run)},
	{RD_CTL_DESCRIBE, "DESCRIBE", RD_CTL_CLIENT_TO_DAEMON, 0, 0, FIELDS(describe)},
	{RD_CTL_TERMINATE, "TERMINATE", RD_CTL_CLIENT_TO_DAEMON, 0, 0, FIELDS(target)},
	{RD_CTL_CONSOLE, "CONSOLE", RD_CTL_CLIENT_TO_DAEMON, 0, 0, FIELDS(target)},
	{RD_CTL_RESERVE, "RESERVE", RD_CTL_CLIENT_TO_DAEMON, 0, 0, FIELDS(reserve)},

	{RD_CTL_PROGRESS, "PROGRESS", RD_CTL_DAEMON_TO_CLIENT, 0, 0, FIELDS(progress)},
	{RD_CTL_STARTED, "STARTED", RD_CTL_DAEMON_TO_CLIENT, 0, 0, FIELDS(enclave)},
	{RD_CTL_RUNNING, "RUNNING", RD_CTL_DAEMON_TO_CLIENT, 0, 0, FIELDS(enclave)},
	{RD_CTL_ENCLAVE, "ENCLAVE", RD_CTL_DAEMON_TO_CLIENT, 0, 1, FIELDS(enclave)},
	{RD_CTL_TERMINATED, "TERMINATED", RD_CTL_DAEMON_TO_CLIENT, 0, 0, FIELDS(terminated)},
	{RD_CTL_CONSOLE_FD, "CONSOLE_FD", RD_CTL_DAEMON_TO_CLIENT, 1, 1, FIELDS(console_fd)},
	{RD_CTL_DONE, "DONE", RD_CTL_DAEMON_TO_CLIENT, 0, 0, NO_FIELDS},
	{RD_CTL_ERROR, "ERROR", RD_CTL_DAEMON_TO_CLIENT, 0, 0, FIELDS(error)},

	{RD_CTL_VMM_LAUNCH, "LAUNCH", RD_CTL_DAEMON_TO_VMM, 1, 3, FIELDS(launch)},
	{RD_CTL_VMM_ATTACH, "ATTACH", RD_CTL_DAEMON_TO_VMM, 0, 0, NO_FIELDS},
	{RD_CTL_VMM_TERMINATE, "TERMINATE", RD_CTL_DAEMON_TO_VMM, 0, 0, NO_FIELDS},
	{RD_CTL_VMM_CONSOLE, "CONSOLE", RD_CTL_DAEMON_TO_VMM, 1, 1, NO_FIELDS},
	{RD_CTL_VMM_LEAF, "LEAF", RD_CTL_DAEMON_TO_VMM, 0, 0, FIELDS(leaf)},

	{RD_CTL_VMM_LEAF_REQUEST, "LEAF_REQUEST", RD_CTL_VMM_TO_DAEMON, 0, 0, FIELDS(leaf_request)},
	{RD_CTL_VMM_STATUS, "STATUS", RD_CTL_VMM_TO_DAEMON, 0, 0, FIELDS(status)},
	{RD_CTL_VMM_BOOTED, "BOOTED", RD_CTL_VMM_TO_DAEMON, 0, 0, FIELDS(booted)},
	{RD_CTL_VMM_ENDED, "ENDED", RD_CTL_VMM_TO_DAEMON, 0, 0, FIELDS(ended)},

	{RD_CTL_INSTANCE_RUN, "INSTANCE_RUN", RD_CTL_CLIENT_TO_DAEMON, 1, 1, FIELDS(instance_run)},
	{RD_CTL_INSTANCE_STOP, "INSTANCE_STOP", RD_CTL_CLIENT_TO_DAEMON, 0, 0,
		FIELDS(instance_target)},
	{RD_CTL_INSTANCE_REBOOT, "INSTANCE_REBOOT", RD_CTL_CLIENT_TO_DAEMON, 0, 0,
		FIELDS(instance_target)},
	{RD_CTL_INSTANCE_TERMINATE, "INSTANCE_TERMINATE", RD_CTL_CLIENT_TO_DAEMON, 0, 0,
		FIELDS(instance_target)},
	{RD_CTL_INSTANCE_DESCRIBE, "INSTANCE_DESCRIBE", RD_CTL_CLIENT_TO_DAEMON, 0, 0,
		FIELDS(instance_describe)},
	{RD_CTL_INSTANCE_CONSOLE, "INSTANCE_CONSOLE", RD_CTL_CLIENT_TO_DAEMON, 0, 0,
		FIELDS(instance_target)},
	{RD_CTL_INSTANCE_WATCH, "INSTANCE_WATCH", RD_CTL_CLIENT_TO_DAEMON, 0, 0, NO_FIELDS},
	{RD_CTL_INSTANCE_FORWARDS, "INSTANCE_FORWARDS", RD_CTL_CLIENT_TO_DAEMON, 0, 0,
		FIELDS(instance_forwards)},

	{RD_CTL_INSTANCE, "INSTANCE", RD_CTL_DAEMON_TO_CLIENT, 0, 0, FIELDS(instance)},

	{RD_CTL_VMM_PARENT, "PARENT", RD_CTL_DAEMON_TO_VMM, 3, 3, FIELDS(parent)},
	{RD_CTL_VMM_STOP, "STOP", RD_CTL_DAEMON_TO_VMM, 0, 0, FIELDS(vmm_stop)},
	{RD_CTL_VMM_REBOOT, "REBOOT", RD_CTL_DAEMON_TO_VMM, 0, 0, FIELDS(vmm_stop)},
	{RD_CTL_VMM_BALLOON, "BALLOON", RD_CTL_DAEMON_TO_VMM, 0, 0, FIELDS(balloon)},
	{RD_CTL_VMM_PEER, "PEER", RD_CTL_DAEMON_TO_VMM, 1, 1, FIELDS(peer)},
	{RD_CTL_VMM_FORWARDS, "FORWARDS", RD_CTL_DAEMON_TO_VMM, 0, 0, FIELDS(vmm_forwards)},

	{RD_CTL_VMM_PARENT_CLIENT, "PARENT_CLIENT", RD_CTL_VMM_TO_DAEMON, 1, 1, NO_FIELDS},
	{RD_CTL_VMM_PARENT_RESET, "PARENT_RESET", RD_CTL_VMM_TO_DAEMON, 0, 0, NO_FIELDS},
	{RD_CTL_VMM_BALLOON_AT, "BALLOON_AT", RD_CTL_VMM_TO_DAEMON, 0, 0, FIELDS(balloon)},
};

const struct rd_ctl_schema *rd_ctl_schema(uint64_t type)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(schemas); i++) {
		if ((uint64_t)schemas[i].type == type) {
			return &schemas[i];
		}
	}
	return NULL;
}

const char *rd_ctl_type_name(enum rd_ctl_type type)
{
	const struct rd_ctl_schema *s = rd_ctl_schema((uint64_t)type);

	return s == NULL ? "unknown" : s->name;
}
