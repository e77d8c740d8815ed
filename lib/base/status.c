/* SPDX-License-Identifier: Apache-2.0 */
/* Names and texts of the status codes, and their relation to errno. */
#include "base/status.h"

#include <errno.h>

static const struct {
	enum rd_status st;
	const char *name;
	const char *text;
} table[] = {
#define X(name, cat, detail, text) {name, #name, text},
	RD_STATUS_LIST(X)
#undef X
};

const char *rd_status_name(enum rd_status st)
{
	for (unsigned i = 0; i < RD_ARRAY_LEN(table); i++) {
		if (table[i].st == st) {
			return table[i].name;
		}
	}
	return "RD_UNKNOWN";
}

const char *rd_status_text(enum rd_status st)
{
	for (unsigned i = 0; i < RD_ARRAY_LEN(table); i++) {
		if (table[i].st == st) {
			return table[i].text;
		}
	}
	return "unknown status";
}

enum rd_status rd_status_of_errno(int os_errno)
{
	static const struct {
		int os_errno;
		enum rd_status st;
	} map[] = {
		{0, RD_INTERNAL},
		{EAGAIN, RD_AGAIN},
		{EINPROGRESS, RD_AGAIN},
		{ETIMEDOUT, RD_TIMEOUT},
		{EPIPE, RD_CLOSED},
		{ECONNRESET, RD_CLOSED},
		{EACCES, RD_DENIED},
		{EPERM, RD_DENIED},
		{ENOENT, RD_NOTFOUND},
		{ESRCH, RD_NOTFOUND},
		{EEXIST, RD_EXISTS},
		{EADDRINUSE, RD_EXISTS},
		{ENOMEM, RD_NOMEM},
		{ENOSPC, RD_NOSPACE},
		{EDQUOT, RD_NOSPACE},
		{EFBIG, RD_NOSPACE},
		{EMFILE, RD_LIMIT},
		{ENFILE, RD_LIMIT},
		{EMSGSIZE, RD_LIMIT},
	};

	for (unsigned i = 0; i < RD_ARRAY_LEN(map); i++) {
		if (map[i].os_errno == os_errno) {
			return map[i].st;
		}
	}
	return RD_IO;
}
