/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redoubt instances: what redoubtd has of parent instances and their enclaves.
 *
 * The enclaves of each are asked for by themselves.
 */
#include "base/text.h"
#include "ctl/codes.h"
#include "redoubt/daemon.h"
#include "redoubt/redoubt.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { OPT_JSON = 1, OPT_HELP };

static const char *const state_names[] = {
	[0] = "unknown",
	[RD_CTL_INSTANCE_PENDING] = "pending",
	[RD_CTL_INSTANCE_RUNNING] = "running",
	[RD_CTL_INSTANCE_STOPPING] = "stopping",
	[RD_CTL_INSTANCE_STOPPED] = "stopped",
	[RD_CTL_INSTANCE_SHUTTING_DOWN] = "shutting-down",
	[RD_CTL_INSTANCE_TERMINATED] = "terminated",
};

static void print_help(void)
{
	puts("usage: redoubt instances [--json]\n"
	     "\n"
	     "Lists the parent instances of this host's redoubtd, also the stopped ones, and below\n"
	     "each its published ports and its enclaves.\n"
	     "\n"
	     "  --json   the same as JSON\n"
	     "  --help   this text");
}

/* "tcp:127.0.0.1:20000:22" is of use to programs: protocol, the host's address and port, its own.
 */
static json_t *ports_json(const struct rd_ctl_texts *forwards)
{
	json_t *list = json_array();

	for (size_t i = 0; i < forwards->count; i++) {
		if (json_array_append_new(list, json_string(forwards->items[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static enum rd_status instance_json(const struct rd_ctl_instance *i, json_t **ret)
{
	char since[RD_TIME_TEXT_SIZE] = "";
	json_t *ports = ports_json(&i->forwards);

	RD_ENSURE(ports != NULL, RD_NOMEM);

	if (i->started_ms > 0) {
		rd_time_string(i->started_ms, since);
	}
	*ret = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s*, s:s*, s:o, s:[]}", "InstanceId",
		i->instance_id, "State", state_names[i->state], "CPUCount", (json_int_t)i->cpus,
		"MemoryMiB", (json_int_t)i->memory_mib, "ProcessID", (json_int_t)i->pid, "Since",
		since[0] != '\0' ? since : NULL, "Text", i->text[0] != '\0' ? i->text : NULL,
		"PublishedPorts", ports, "Enclaves");
	return *ret != NULL ? RD_OK : RD_NOMEM;
}

/* Takes answers until DONE; each of this type goes to add, with ctx. */
static enum rd_status collect(struct daemon *d, enum rd_ctl_type type,
	enum rd_status (*add)(json_t *list, const struct rd_ctl_message *m), json_t *list,
	struct rd_error *err)
{
	for (;;) {
		RD_TRY(daemon_answer(d, err));
		if (d->answer.type == RD_CTL_DONE) {
			return RD_OK;
		}
		if (d->answer.type == type && add(list, &d->answer) != RD_OK) {
			return rd_fail(err, RD_NOMEM, "out of memory");
		}
	}
}

static enum rd_status add_instance(json_t *list, const struct rd_ctl_message *m)
{
	json_t *one = NULL;

	RD_TRY(instance_json(&m->instance, &one));
	RD_ENSURE(json_array_append_new(list, one) == 0, RD_NOMEM);
	return RD_OK;
}

static enum rd_status add_enclave(json_t *list, const struct rd_ctl_message *m)
{
	const struct rd_ctl_enclave *e = &m->enclave;
	json_t *one = json_pack("{s:s, s:s, s:I, s:I, s:I}", "EnclaveID", e->enclave_id,
		"EnclaveName", e->name, "EnclaveCID", (json_int_t)e->cid, "NumberOfCPUs",
		(json_int_t)e->cpu_ids.count, "MemoryMiB", (json_int_t)e->memory_mib);

	return json_array_append_new(list, one) == 0 ? RD_OK : RD_NOMEM;
}

/* One connection is one request. */
static enum rd_status ask(struct daemon *d, const struct rd_ctl_message *m, enum rd_ctl_type type,
	enum rd_status (*add)(json_t *list, const struct rd_ctl_message *m), json_t *list,
	struct rd_error *err)
{
	enum rd_status st = daemon_open(d, err);

	st = st == RD_OK ? daemon_ask(d, m, err) : st;
	st = st == RD_OK ? collect(d, type, add, list, err) : st;
	daemon_close(d);
	return st;
}

static enum rd_status fill_enclaves(struct daemon *d, json_t *instance, struct rd_error *err)
{
	struct rd_ctl_message m = {.type = RD_CTL_DESCRIBE};
	enum rd_status st;

	snprintf(m.describe.instance_id, sizeof(m.describe.instance_id), "%s",
		json_string_value(json_object_get(instance, "InstanceId")));
	st = ask(d, &m, RD_CTL_ENCLAVE, add_enclave, json_object_get(instance, "Enclaves"), err);
	/* It may have been terminated since it was listed. */
	return st == RD_DENIED && d->answer.error.code == RD_I_NOTFOUND ? RD_OK : st;
}

static enum rd_status fill(struct daemon *d, json_t *list, struct rd_error *err)
{
	const struct rd_ctl_message m = {.type = RD_CTL_INSTANCE_DESCRIBE};
	json_t *instance;
	size_t i;

	RD_TRY(ask(d, &m, RD_CTL_INSTANCE, add_instance, list, err));
	json_array_foreach(list, i, instance)
	{
		RD_TRY(fill_enclaves(d, instance, err));
	}
	return RD_OK;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "-";
}

static long long number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* What a stopped instance does not have is "-". */
static const char *size_of(const json_t *object, const char *name, const char *unit, char ret[32])
{
	long long n = number_of(object, name);

	if (n == 0) {
		return "-";
	}
	(void)snprintf(ret, 32, "%lld%s", n, unit);
	return ret;
}

/* "tcp:127.0.0.1:20000:22" as "port 22/tcp     127.0.0.1:20000". */
static void print_port(const char *forward)
{
	const char *host = strchr(forward, ':'), *port = strrchr(forward, ':');
	char own[32];

	if (host == NULL || port == host) {
		return;
	}
	(void)snprintf(own, sizeof(own), "%s/%.*s", port + 1, (int)(host - forward), forward);
	printf("  port %-13s %.*s\n", own, (int)(port - host - 1), host + 1);
}

static void print_table(const json_t *list)
{
	json_t *instance, *enclave, *port;
	char cpus[32], memory[32];
	size_t i, k;

	printf("%-20s %-13s %4s %10s  %-24s %s\n", "INSTANCE", "STATE", "CPUS", "MEMORY", "SINCE",
		"ENCLAVES");
	json_array_foreach(list, i, instance)
	{
		const json_t *enclaves = json_object_get(instance, "Enclaves");

		printf("%-20s %-13s %4s %10s  %-24s %zu\n", text_of(instance, "InstanceId"),
			text_of(instance, "State"), size_of(instance, "CPUCount", "", cpus),
			size_of(instance, "MemoryMiB", " MiB", memory), text_of(instance, "Since"),
			json_array_size(enclaves));
		json_array_foreach(json_object_get(instance, "PublishedPorts"), k, port)
		{
			print_port(json_string_value(port));
		}
		json_array_foreach(enclaves, k, enclave)
		{
			printf("  CID %-14lld %-13s %4s %10s  %s\n",
				number_of(enclave, "EnclaveCID"), text_of(enclave, "EnclaveName"),
				size_of(enclave, "NumberOfCPUs", "", cpus),
				size_of(enclave, "MemoryMiB", " MiB", memory),
				text_of(enclave, "EnclaveID"));
		}
	}
}

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char **argv, bool *ret_json)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, OPT_JSON},
		{"help", no_argument, NULL, OPT_HELP},
		{NULL, 0, NULL, 0},
	};
	int opt;

	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == OPT_HELP) {
			print_help();
			return RD_EXIT_OK;
		}
		if (opt != OPT_JSON) {
			fprintf(stderr, "redoubt instances: unknown option; see --help\n");
			return RD_EXIT_USAGE;
		}
		*ret_json = true;
	}
	if (optind != argc) {
		fprintf(stderr, "redoubt instances: unexpected argument %.64s\n", argv[optind]);
		return RD_EXIT_USAGE;
	}
	return -1;
}

int rd_redoubt_instances(int argc, char **argv)
{
	static struct daemon daemon = {.sock = -1};
	struct rd_error err;
	bool json = false;
	json_t *list;
	int rc = parse(argc, argv, &json);

	if (rc >= 0) {
		return rc;
	}
	list = json_array();
	if (list == NULL) {
		fprintf(stderr, "redoubt instances: out of memory\n");
		return RD_EXIT_FAILURE;
	}
	if (fill(&daemon, list, &err) != RD_OK) {
		fprintf(stderr, "redoubt instances: %s\n", err.text);
		rc = RD_EXIT_FAILURE;
	} else if (json) {
		rc = json_dumpf(list, stdout, JSON_INDENT(2)) == 0 && puts("") >= 0
			     ? RD_EXIT_OK
			     : RD_EXIT_FAILURE;
	} else {
		print_table(list);
		rc = RD_EXIT_OK;
	}
	json_decref(list);
	return rc == RD_EXIT_OK && fflush(stdout) != 0 ? RD_EXIT_FAILURE : rc;
}
