/* SPDX-License-Identifier: Apache-2.0 */
/* Every document that an image brings along, each reader given the same bytes. */
#include "image/config.h"
#include "image/dockerignore.h"
#include "image/manifest.h"
#include "image/user.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_users(struct rd_view text)
{
	static const char *const specs[] = {"", "app", "app:wheel", "1000", ":10"};

	for (size_t i = 0; i < RD_ARRAY_LEN(specs); i++) {
		struct rd_image_user user = {0};

		if (rd_user_resolve_text(text, text, specs[i], &user, NULL) == RD_OK) {
			rd_user_finish(&user);
		}
	}
}

static void read_ignore(struct rd_view text)
{
	struct rd_dockerignore ignore = {0};

	if (rd_dockerignore_parse(text, &ignore, NULL) == RD_OK) {
		/* What matches does not matter here, that it ends does. */
		if (rd_dockerignore_match(&ignore, "src/a/b/file.c")) {
			rd_dockerignore_finish(&ignore);
			return;
		}
		rd_dockerignore_finish(&ignore);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_view text = rd_view(data, size);
	struct rd_manifest manifest = {0};
	struct rd_image_config config = {0};
	struct rd_part part = {0};
	bool is_index;

	if (rd_manifest_parse(text, &manifest, NULL) == RD_OK) {
		rd_manifest_finish(&manifest);
	}
	if (rd_save_manifest_choose(text, NULL, &manifest, NULL) == RD_OK) {
		rd_manifest_finish(&manifest);
	}
	if (rd_index_choose(text, NULL, &part, &is_index, NULL) == RD_OK) {
		if (!rd_digest_is_valid(part.digest)) {
			abort();
		}
		rd_part_finish(&part);
	}
	if (rd_image_config_parse(text, &config, NULL) == RD_OK) {
		if (config.args.n == 0 || config.workdir[0] != '/') {
			abort();
		}
		rd_image_config_finish(&config);
	}
	read_users(text);
	read_ignore(text);
	return 0;
}
