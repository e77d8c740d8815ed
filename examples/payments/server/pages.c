/* SPDX-License-Identifier: Apache-2.0 */
/* Static files. */
#include "server/pages.h"

#include "os/fd.h"
#include "os/root.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Everything that a page runs or asks comes from here: what somebody smuggles into it cannot send a
 * card number anywhere else.
 */
#define CSP                                                                                        \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "                \
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct {
	const char *ending, *type;
} types[] = {
	{".html", "text/html; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".mjs", "text/javascript; charset=utf-8"},
	{".json", "application/json"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".ico", "image/x-icon"},
	{".pem", "application/x-pem-file"},
	{".txt", "text/plain; charset=utf-8"},
};

enum rd_status ps_pages_open(const struct ps_config *config, int *ret_fd, struct rd_error *err)
{
	*ret_fd = -1;
	if (config->pages[0] == '\0') {
		return RD_OK;
	}
	*ret_fd = open(config->pages, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd >= 0 ? RD_OK : rd_fail_errno(err, errno, "pages: %s", config->pages);
}

static const char *type_of(const char *path)
{
	const size_t len = strlen(path);

	for (size_t i = 0; i < RD_ARRAY_LEN(types); i++) {
		const size_t ending = strlen(types[i].ending);

		if (len > ending && strcmp(path + len - ending, types[i].ending) == 0) {
			return types[i].type;
		}
	}
	return NULL;
}

enum rd_status ps_pages_path(
	struct rd_view target, char ret[PS_PAGE_PATH_SIZE], const char **ret_type)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_/";
	const uint8_t *mark = target.len == 0 ? NULL : memchr(target.ptr, '?', target.len);
	size_t len = mark == NULL ? target.len : (size_t)(mark - target.ptr);

	RD_ENSURE(len > 0 && target.ptr[0] == '/' && len <= PS_PAGE_PATH_SIZE, RD_BAD_PATH);
	memcpy(ret, target.ptr + 1, len - 1);
	ret[len - 1] = '\0';
	if (len == 1) {
		memcpy(ret, "index.html", sizeof("index.html"));
	}
	RD_ENSURE(strlen(ret) == (len == 1 ? strlen("index.html") : len - 1) &&
			  strspn(ret, letters) == strlen(ret),
		RD_BAD_PATH);
	RD_ENSURE(ret[0] != '.' && ret[0] != '/' && strstr(ret, "/.") == NULL &&
			  strstr(ret, "//") == NULL,
		RD_BAD_PATH);
	*ret_type = type_of(ret);
	return *ret_type == NULL ? RD_NOTFOUND : RD_OK;
}

static enum rd_status read_file(int root_fd, const char *path, struct rd_buf *ret)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	struct stat info;

	RD_TRY(rd_root_open(root_fd, path, O_RDONLY | O_NONBLOCK, 0, &fd));
	RD_ENSURE(fstat(fd, &info) == 0 && S_ISREG(info.st_mode), RD_NOTFOUND);
	return rd_fd_read_all(fd, ret);
}

static void answer(struct rd_http_call *http, int status, const char *type, struct rd_view body)
{
	const struct rd_http_header headers[] = {
		{rd_view_str("Content-Type"), rd_view_str(type)},
		{rd_view_str("Content-Security-Policy"), rd_view_str(CSP)},
		{rd_view_str("X-Content-Type-Options"), rd_view_str("nosniff")},
		{rd_view_str("Referrer-Policy"), rd_view_str("no-referrer")},
		{rd_view_str("Cache-Control"), rd_view_str("no-cache")},
	};

	rd_http_answer(http, status, headers, RD_ARRAY_LEN(headers), body);
}

void ps_pages_answer(struct ps *ps, struct rd_view target, struct rd_http_call *http)
{
	struct rd_buf body RD_CLEANUP(rd_buf_finish) = rd_buf_growable(PS_PAGE_MAX);
	char path[PS_PAGE_PATH_SIZE];
	const char *type;
	enum rd_status st = ps_pages_path(target, path, &type);

	if (st == RD_OK) {
		st = read_file(ps->pages_fd, path, &body);
	}
	if (st != RD_OK) {
		answer(http, 404, "text/plain; charset=utf-8",
			rd_view_str("There is no such page.\n"));
		return;
	}
	answer(http, 200, type, rd_buf_view(&body));
}
