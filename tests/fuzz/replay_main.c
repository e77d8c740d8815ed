/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over files instead of under libFuzzer, so that every build of every compiler
 * replays the corpora. Arguments are files and directories of files.
 *
 * Each file is given whole and then cut short at up to PREFIXES places, every time in an allocation
 * of exactly its size: a reader that runs past the end of its input meets the sanitizer at once.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Enough to cut inside every field of a small input, few enough for targets that verify signatures.
 */
#define PREFIXES 64
/* A corpus is a handful of small files; a larger one was put there by mistake. */
#define FILE_SIZE_MAX (1u << 20)
#define PATH_SIZE     4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_exact(const uint8_t *data, size_t size)
{
	/* One byte more only for size 0, where malloc may return NULL. */
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL) {
		fprintf(stderr, "replay: out of memory\n");
		exit(2);
	}
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_bytes(const uint8_t *data, size_t size)
{
	size_t step = size / PREFIXES + 1;

	run_exact(data, size);
	for (size_t cut = 0; cut < size; cut += step) {
		run_exact(data, cut);
	}
}

static void run_file(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *data = malloc(FILE_SIZE_MAX);
	size_t size;

	if (file == NULL || data == NULL) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	size = fread(data, 1, FILE_SIZE_MAX, file);
	if (ferror(file) || size == FILE_SIZE_MAX) {
		fprintf(stderr, "replay: %s: unreadable, or larger than %u bytes\n", path,
			FILE_SIZE_MAX - 1);
		exit(2);
	}
	fclose(file);
	/* Named before it runs, so that a crash says whose it is. */
	printf("%s (%zu bytes)\n", path, size);
	fflush(stdout);
	run_bytes(data, size);
	free(data);
}

static size_t run_directory(const char *path, DIR *dir)
{
	char name[PATH_SIZE];
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.') {
			continue;
		}
		if (snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= PATH_SIZE) {
			fprintf(stderr, "replay: %s: path too long\n", path);
			exit(2);
		}
		run_file(name);
		count++;
	}
	return count;
}

int main(int argc, char **argv)
{
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);

		if (dir != NULL) {
			count += run_directory(argv[i], dir);
			closedir(dir);
		} else {
			run_file(argv[i]);
			count++;
		}
	}
	printf("%zu inputs\n", count);
	if (count == 0) {
		fprintf(stderr, "replay: no inputs: an empty corpus shows nothing\n");
		return 2;
	}
	return 0;
}
