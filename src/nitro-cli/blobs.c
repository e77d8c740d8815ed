/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the blobs and reading the small ones. */
#include "nitro-cli/blobs.h"

#include "eif/kernel.h"
#include "nitro-cli/signer.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The version stands on the third line; all of the file is some hundred KiB. */
#define CONFIG_HEAD 4096

enum rd_status cli_blobs_find(char ret_dir[RD_PATH_MAX], struct rd_error *err)
{
	static const char *const flavours[] = {"blobs/enclave", "blobs/debian"};
	const char *env = getenv("NITRO_CLI_BLOBS");

	if (env != NULL && env[0] != '\0') {
		if (snprintf(ret_dir, RD_PATH_MAX, "%s", env) >= RD_PATH_MAX) {
			return rd_fail(err, RD_LIMIT, "NITRO_CLI_BLOBS is longer than %d bytes",
				RD_PATH_MAX - 1);
		}
		return RD_OK;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(flavours); i++) {
		if (rd_paths_share(flavours[i], ret_dir, NULL) == RD_OK) {
			return RD_OK;
		}
	}
	return rd_fail(err, RD_NOTFOUND,
		"no kernel and init to build with: neither share/redoubt/blobs/enclave nor "
		".../debian is installed beside this program; run `make`, or set NITRO_CLI_BLOBS");
}

static enum rd_status read_head(
	int fd, uint8_t head[RD_EIF_KERNEL_HEAD_SIZE], struct rd_view *ret_head, uint64_t *ret_size)
{
	size_t n;

	RD_TRY(rd_fd_size(fd, ret_size));
	n = *ret_size < RD_EIF_KERNEL_HEAD_SIZE ? (size_t)*ret_size : RD_EIF_KERNEL_HEAD_SIZE;
	*ret_head = rd_view(head, n);
	return rd_fd_pread_full(fd, head, n, 0);
}

static enum rd_status check_kernel(int fd, const char *path, struct rd_error *err)
{
	uint8_t storage[RD_EIF_KERNEL_HEAD_SIZE];
	struct rd_view head;
	uint64_t size = 0;
	uint32_t init_size;
	enum rd_status st = read_head(fd, storage, &head, &size);

	if (st != RD_OK) {
		return rd_fail(err, st, "cannot read the kernel %s: %s", path, rd_status_text(st));
	}
	if (rd_eif_kernel_read(head, size, &init_size, err) != RD_OK) {
		(void)rd_error_wrap(err, RD_BAD_ARCH, "%s", path);
		return RD_BAD_ARCH;
	}
	return RD_OK;
}

static enum rd_status open_kernel(struct cli_blobs *b, struct rd_error *err)
{
	char path[RD_PATH_MAX];

	if (rd_paths_join(path, b->dir, "bzImage", NULL) != RD_OK) {
		return rd_fail(err, RD_LIMIT, "the path of the blobs %s is too long", b->dir);
	}
	b->kernel_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (b->kernel_fd < 0) {
		return rd_fail_errno(err, errno, "opening the kernel %s", path);
	}
	return check_kernel(b->kernel_fd, path, err);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static enum rd_status read_cmdline(struct cli_blobs *b, struct rd_error *err)
{
	/* Room for the white space that is trimmed. */
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(2 * RD_EIF_CMDLINE_MAX);
	char path[RD_PATH_MAX];
	size_t start = 0;
	size_t end;

	if (rd_paths_join(path, b->dir, "cmdline", NULL) != RD_OK) {
		return rd_fail(err, RD_LIMIT, "the path of the blobs %s is too long", b->dir);
	}
	RD_TRY(cli_read_file(path, "kernel command line", &text, err));
	end = text.used;
	while (end > 0 && is_blank(text.ptr[end - 1])) {
		end--;
	}
	while (start < end && is_blank(text.ptr[start])) {
		start++;
	}
	if (end - start > RD_EIF_CMDLINE_MAX || (end > 0 && memchr(text.ptr, 0, end) != NULL)) {
		return rd_fail(err, RD_LIMIT,
			"the kernel command line %s has a NUL in it or more than %d bytes", path,
			RD_EIF_CMDLINE_MAX);
	}
	if (end > start) {
		memcpy(b->cmdline, text.ptr + start, end - start);
	}
	b->cmdline[end - start] = '\0';
	return RD_OK;
}

/* Words of a line like "# Linux/x86 6.12.57 Kernel Configuration", split at blank, slash and dash.
 */
static void take_word(const char *line, unsigned index, char ret[CLI_KERNEL_VERSION_MAX])
{
	size_t n;

	for (unsigned i = 0; i < index && *line != '\0'; i++) {
		line += strcspn(line, " /-");
		line += *line != '\0' ? 1 : 0;
	}
	n = strcspn(line, " /-\n");
	if (n > 0 && n < CLI_KERNEL_VERSION_MAX) {
		memcpy(ret, line, n);
		ret[n] = '\0';
	}
}

/* Best effort: the kernel's configuration says what it was, nothing depends on it. */
static void read_version(struct cli_blobs *b)
{
	char path[RD_PATH_MAX];
	char head[CONFIG_HEAD + 1];
	const char *line = head;
	size_t n = 0;
	int fd RD_CLEANUP(rd_fd_close) = -1;

	snprintf(b->system, sizeof(b->system), "Linux");
	snprintf(b->version, sizeof(b->version), "Unknown");
	if (rd_paths_join(path, b->dir, "bzImage.config", NULL) != RD_OK) {
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || rd_fd_read(fd, head, CONFIG_HEAD, &n) != RD_OK) {
		return;
	}
	head[n] = '\0';
	for (int i = 0; i < 2 && line != NULL; i++) {
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	if (line != NULL && line[0] == '#') {
		take_word(line, 1, b->system);
		take_word(line, 3, b->version);
	}
}

enum rd_status cli_blobs_open(const char *dir, struct cli_blobs *ret_blobs, struct rd_error *err)
{
	struct cli_blobs b RD_CLEANUP(cli_blobs_close) = {.kernel_fd = -1};

	snprintf(b.dir, sizeof(b.dir), "%s", dir);
	RD_TRY(open_kernel(&b, err));
	RD_TRY(read_cmdline(&b, err));
	read_version(&b);
	*ret_blobs = b;
	b.kernel_fd = -1;
	return RD_OK;
}

void cli_blobs_close(struct cli_blobs *blobs)
{
	rd_fd_close(&blobs->kernel_fd);
}
