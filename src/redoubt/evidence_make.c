/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt evidence make: collects the files; the manifest comes last. */
#include "redoubt/evidence.h"

#include "os/fd.h"
#include "os/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum rd_status put_readme(int dir_fd, struct rd_error *err)
{
	char storage[8192];
	struct rd_buf text = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(rd_buf_put_str(&text,
		"Evidence of an application in enclaves. Verify it offline, with a copy of the\n"
		"attestation root that you have from elsewhere:\n\n"
		"\tredoubt evidence verify --root ROOT.pem FOLDER\n\n"
		"It computes every proof anew and prints it with the lines of PCI DSS v4.0.1 that\n"
		"it serves. manifest.json names the files. `redoubt audit show log` prints the\n"
		"records; `redoubt verify --at TIME log/documents/...` shows one document.\n\n"
		"Not claimed:\n"));
	for (size_t i = 0; evidence_not_claimed[i] != NULL; i++) {
		RD_TRY(rd_buf_put_str(&text, "- "));
		RD_TRY(rd_buf_put_str(&text, evidence_not_claimed[i]));
		RD_TRY(rd_buf_put_str(&text, "\n"));
	}
	return evidence_put(dir_fd, EVIDENCE_README, rd_buf_view(&text), err);
}

static enum rd_status collect(int dir_fd, const struct evidence_args *args, struct rd_error *err)
{
	const struct {
		const char *from, *name;
	} files[] = {{args->root, EVIDENCE_ROOT}, {args->witness, EVIDENCE_WITNESS},
		{args->policy, EVIDENCE_POLICY}};

	RD_TRY(evidence_copy_log(args->log, dir_fd, EVIDENCE_LOG, err));
	if (args->kms_log != NULL) {
		RD_TRY(evidence_copy_log(args->kms_log, dir_fd, EVIDENCE_KMS_LOG, err));
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(files); i++) {
		if (files[i].from != NULL) {
			RD_TRY(evidence_copy_file(files[i].from, dir_fd, files[i].name, err));
		}
	}
	RD_TRY(put_readme(dir_fd, err));
	return evidence_manifest_write(dir_fd, args, err);
}

/* With a name that is its own until it is whole. */
enum rd_status evidence_make(const struct evidence_args *args, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	char making[RD_PATH_MAX];
	enum rd_status st;

	if (snprintf(making, sizeof(making), "%s.new", args->folder) >= (int)sizeof(making)) {
		return rd_fail(err, RD_LIMIT, "%s: the path is too long", args->folder);
	}
	if (faccessat(AT_FDCWD, args->folder, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		return rd_fail(err, RD_EXISTS, "%s: is there already", args->folder);
	}
	if (mkdir(making, 0755) != 0) {
		return rd_fail_errno(err, errno, "%s: cannot be made", making);
	}
	fd = open(making, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	st = fd < 0 ? rd_fail_errno(err, errno, "%s: cannot be opened", making)
		    : collect(fd, args, err);
	if (st == RD_OK && rename(making, args->folder) != 0) {
		st = rd_fail_errno(err, errno, "%s: cannot be made", args->folder);
	}
	if (st != RD_OK) {
		evidence_remove(making);
	}
	return st;
}
