/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an end report, as /process and as /cmd and /env. */
#include "init/init.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_report(struct rd_view in)
{
	uint8_t storage[RD_GUEST_END_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_guest_end end;

	if (rd_guest_end_decode(in, &end) == RD_OK &&
		(rd_guest_end_encode(&end, &out) != RD_OK ||
			!rd_view_equal(in, rd_buf_view(&out)))) {
		abort();
	}
}

/* A text of our own making is always acceptable to the other side. */
static void check_any_text(const uint8_t *data, size_t size)
{
	struct rd_guest_end end = {.kind = RD_GUEST_INIT_FAILED}, back;
	uint8_t storage[RD_GUEST_END_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	size_t n = size < sizeof(end.text) ? size : sizeof(end.text);

	if (n > 0) {
		memcpy(end.text, data, n);
	}
	if (rd_guest_end_encode(&end, &out) != RD_OK ||
		rd_guest_end_decode(rd_buf_view(&out), &back) != RD_OK) {
		abort();
	}
}

/* A copy with the NUL behind it that init's file reader promises. */
static char *copy(const uint8_t *data, size_t size)
{
	char *bytes = calloc(1, size + 1);

	if (bytes == NULL) {
		abort();
	}
	if (size > 0) {
		memcpy(bytes, data, size);
	}
	return bytes;
}

static void check_spec(const uint8_t *data, size_t size)
{
	char *whole = copy(data, size);
	char *cmd = copy(data, size / 2);
	char *env = copy(data + size / 2, size - size / 2);
	struct init_spec spec;

	if (init_parse_process(whole, size, &spec, NULL) == RD_OK) {
		if (init_getenv(spec.envp, "PATH") == NULL || spec.cwd[0] != '/') {
			abort();
		}
		init_spec_finish(&spec);
	}
	if (init_parse_lines(cmd, size / 2, env, size - size / 2, &spec, NULL) == RD_OK) {
		if (spec.argv[0] == NULL || init_getenv(spec.envp, "HOME") == NULL) {
			abort();
		}
		init_spec_finish(&spec);
	}
	free(whole);
	free(cmd);
	free(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_report(rd_view(data, size));
	check_any_text(data, size);
	if (size > 0) {
		check_spec(data, size);
	}
	return 0;
}
