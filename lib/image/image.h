/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container images: from "where it is" to a merged tree and the configuration to run it with.
 *
 * Sources, as a user writes them after --docker-uri:
 *   docker-archive:FILE[:REF]  what `docker save` or `skopeo copy docker-archive:` writes; plain,
 *                              gzip or zstd. REF (name:tag) chooses one of several images.
 *   oci:DIR[:TAG]              an OCI image layout directory. TAG is its ref.name annotation.
 *   NAME[:TAG][@DIGEST]        an image of the Docker Engine, pulled when it is not there.
 * With options.build_dir, the directory's Dockerfile is built first, by the Docker Engine or, when
 * none answers, by buildah; NAME[:TAG] is then the name that the result gets.
 *
 * Everything in an image is hostile: digests, sizes and diff IDs are verified before the tree is
 * handed out, and every limit is named (here, in tree.h and in manifest.h).
 */
#ifndef RD_IMAGE_IMAGE_H
#define RD_IMAGE_IMAGE_H

#include "image/tree.h"

/* The only platform that our guests run on. */
#define RD_IMAGE_OS   "linux"
#define RD_IMAGE_ARCH "amd64"

struct rd_strings {
	char **v;
	size_t n;
};

/* Whom the application runs as: the image's USER after its own /etc/passwd and /etc/group. */
struct rd_image_user {
	uint32_t uid;
	uint32_t gid;
	uint32_t *groups; /* supplementary, in the order of /etc/group; never contains gid */
	size_t n_groups;
	char *home; /* from /etc/passwd, or "/"; an engine sets HOME to it if ENV has none */
};

struct rd_image {
	char *name;             /* normalised reference ("hello:latest"), or the source as given */
	char *id;               /* "sha256:<64 hex>": digest of config_json */
	char *config_json;      /* the image configuration, byte for byte, NUL-terminated */
	size_t config_len;      /* without the NUL */
	char *created;          /* RFC 3339 as it stands in the configuration; NULL if absent */
	char *architecture;     /* RD_IMAGE_ARCH */
	char *os;               /* RD_IMAGE_OS */
	struct rd_strings args; /* ENTRYPOINT followed by CMD; at least one */
	struct rd_strings env;  /* "NAME=value", each NAME once; an engine adds HOME and PATH */
	char *workdir;          /* absolute, normalised; exists in the tree as a directory */
	char *user_spec;        /* USER as in the image; "" if absent */
	struct rd_image_user user;
	bool from_local; /* the engine had it, nothing was pulled */
	struct rd_tree *tree;
};

/* What failed, so that nitro-cli can choose its E-code (E48, E19, E50, E49). */
enum rd_image_stage {
	RD_IMAGE_STAGE_IMAGE, /* the image itself: contents, configuration, platform */
	RD_IMAGE_STAGE_FILE,  /* a file or directory named by the user, or the scratch space */
	RD_IMAGE_STAGE_PULL,  /* the engine could not be reached, or could not get the image */
	RD_IMAGE_STAGE_BUILD, /* the Dockerfile did not build */
};

struct rd_image_options {
	const char *scratch_dir; /* NULL: $NITRO_CLI_ARTIFACTS, $TMPDIR or /var/tmp */
	const char *build_dir;   /* build this directory first; NULL: no */
	bool always_pull;        /* ask the registry even if the engine has the image */
	uint64_t max_bytes;      /* decompressed size of all layers; 0: RD_TREE_DATA_MAX */
	/* Output of a pull or a build, a line at a time without its newline; NULL: dropped. */
	void (*progress)(void *ctx, const char *line);
	void *progress_ctx;
};

/*
 * Reads an image whole. options may be NULL. ret_stage (may be NULL) is written on failure only;
 * ret_image on success only. Leaves no file behind, whatever happens.
 */
enum rd_status rd_image_open(const char *source, const struct rd_image_options *options,
	enum rd_image_stage *ret_stage, struct rd_image **ret_image, struct rd_error *err)
	RD_MUST_USE;
void rd_image_close(struct rd_image **image);

#endif
