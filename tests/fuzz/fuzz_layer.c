/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer, applied twice to one tree so that the second finds everything there already. Whatever it
 * is, the tree that comes out must keep its promises: order, lengths, no ".." and no double name.
 */
#include "image/layer.h"
#include "image/tree-internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sparse file may claim gigabytes; the fuzzer need not wait for the disk. */
#define DATA_MAX (4u << 20)

static void require(bool promise)
{
	if (!promise) {
		abort();
	}
}

/* Order by component: a slash sorts before every other byte of a name. */
static int compare_paths(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b) {
		return 0;
	}
	if (*a == '\0' || *b == '\0') {
		return *a == '\0' ? -1 : 1;
	}
	if (*a == '/' || *b == '/') {
		return *a == '/' ? -1 : 1;
	}
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static void check_entry(struct rd_tree *t, const struct rd_tree_entry *e)
{
	struct rd_tree_entry found;

	require(strlen(e->path) <= RD_TREE_PATH_MAX);
	require(strstr(e->path, "//") == NULL && e->path[0] != '/');
	require(strcmp(e->path, "..") != 0 && strncmp(e->path, "../", 3) != 0);
	require(strstr(e->path, "/../") == NULL);
	require(rd_tree_lookup(t, e->path, false, &found) == RD_OK);
	require(strcmp(found.path, e->path) == 0 && found.type == e->type);
	require((e->link_id != 0) == (e->n_links > 1));
	require(e->mtime_s >= 0);
}

static void check_tree(struct rd_tree *t)
{
	const struct rd_tree_entry *entries;
	size_t n;

	if (rd_tree_entries(t, &entries, &n) != RD_OK) {
		return;
	}
	require(n >= 1 && entries[0].path[0] == '\0' && entries[0].type == RD_TREE_DIR);
	for (size_t i = 0; i < n; i++) {
		check_entry(t, &entries[i]);
		require(i == 0 || compare_paths(entries[i - 1].path, entries[i].path) < 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("layer", MFD_CLOEXEC);
	struct rd_layer layer = {.blob = {.fd = fd, .size = size}};
	struct rd_tree *tree = NULL;

	require(fd != -1 && write(fd, data, size) == (ssize_t)size);
	require(rd_tree_new(NULL, &tree, NULL) == RD_OK);
	rd_tree_limit_data(tree, DATA_MAX);
	for (int i = 0; i < 2; i++) {
		if (rd_layer_apply(tree, &layer, NULL) != RD_OK) {
			break;
		}
		check_tree(tree);
	}
	rd_tree_free(&tree);
	close(fd);
	return 0;
}
