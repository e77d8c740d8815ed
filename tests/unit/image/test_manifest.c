/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests and indexes: what they choose and what they must not be. */
#include "test.h"

#include "base/error.h"
#include "image/manifest.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONFIG                                                                                     \
	"{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:" HEX_A   \
	"\",\"size\":7}"
#define LAYER(type, size)                                                                          \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX_B "\",\"size\":" size "}"
#define GZIP  "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define OCI_M "application/vnd.oci.image.manifest.v1+json"
#define OCI_I "application/vnd.oci.image.index.v1+json"
#define ENTRY(type, hex, more)                                                                     \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":5" more "}"
#define TAGGED(tag)  ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" tag "\"}"
#define ON(os, arch) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}"

static enum rd_status parse(const char *json, struct rd_error *err)
{
	struct rd_manifest m = {0};
	enum rd_status st = rd_manifest_parse(rd_view_str(json), &m, err);

	rd_manifest_finish(&m);
	return st;
}

static void manifest_lists_its_parts(void **state)
{
	struct rd_manifest m;

	(void)state;
	assert_ok(rd_manifest_parse(
		rd_view_str("{\"schemaVersion\":2,\"mediaType\":\"" OCI_M "\",\"config\":" CONFIG
			    ",\"layers\":[" LAYER(GZIP, "12") "]}"),
		&m, NULL));
	assert_string_equal(m.config.name, "blobs/sha256/" HEX_A);
	assert_string_equal(m.config.digest, "sha256:" HEX_A);
	assert_int_equal(m.config.size, 7);
	assert_int_equal(m.n_layers, 1);
	assert_int_equal(m.layers[0].size, 12);
	rd_manifest_finish(&m);
}

static void refuses_documents_with_two_meanings(void **state)
{
	(void)state;
	assert_status(parse("{\"config\":" CONFIG ",\"layers\":[],\"manifests\":[]}", NULL),
		RD_FORBIDDEN);
	assert_status(
		parse("{\"mediaType\":\"" OCI_I "\",\"config\":" CONFIG ",\"layers\":[]}", NULL),
		RD_UNSUPPORTED);
	assert_status(parse("{\"layers\":[],\"layers\":[]}", NULL), RD_DUPLICATE);
}

static void refuses_bad_descriptors(void **state)
{
	(void)state;
	assert_status(parse("{\"layers\":[]}", NULL), RD_BAD_TYPE);
	assert_status(parse("{\"config\":" CONFIG "}", NULL), RD_MISSING);
	assert_status(parse("{\"config\":" CONFIG ",\"layers\":[5]}", NULL), RD_BAD_TYPE);
	assert_status(parse("{\"config\":" CONFIG ",\"layers\":[" LAYER(GZIP, "-1") "]}", NULL),
		RD_BAD_NUMBER);
	assert_status(parse("{\"config\":" CONFIG ",\"layers\":[" LAYER(GZIP, "1.5") "]}", NULL),
		RD_BAD_NUMBER);
	assert_status(
		parse("{\"config\":" CONFIG ",\"layers\":[" LAYER("text/html", "1") "]}", NULL),
		RD_UNSUPPORTED);
	/* A digest becomes a path. */
	assert_status(
		parse("{\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		      "\"digest\":\"sha256:../../../../etc/passwd\",\"size\":1},\"layers\":[]}",
			NULL),
		RD_UNSUPPORTED);
	/* A Helm chart, say. */
	assert_status(
		parse("{\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\","
		      "\"digest\":\"sha256:" HEX_A "\",\"size\":1},\"layers\":[]}",
			NULL),
		RD_UNSUPPORTED);
}

static void refuses_too_many_layers(void **state)
{
	struct rd_buf json = rd_buf_growable(1 << 20);

	(void)state;
	assert_ok(rd_buf_put_str(&json, "{\"config\":" CONFIG ",\"layers\":["));
	for (int i = 0; i <= RD_MANIFEST_LAYERS_MAX; i++) {
		assert_ok(rd_buf_printf(&json, "%s%s", i > 0 ? "," : "", LAYER(GZIP, "1")));
	}
	assert_ok(rd_buf_put_str(&json, "]}"));
	assert_ok(rd_buf_u8(&json, 0));
	assert_status(parse((char *)json.ptr, NULL), RD_LIMIT);
	rd_buf_finish(&json);
}

static enum rd_status choose(const char *entries, const char *tag, char ret_hex[2],
	bool *ret_is_index, struct rd_error *err)
{
	struct rd_part part = {0};
	char json[4096];
	enum rd_status st;

	assert_true(
		snprintf(json, sizeof(json), "{\"manifests\":[%s]}", entries) < (int)sizeof(json));
	st = rd_index_choose(rd_view_str(json), tag, &part, ret_is_index, err);
	if (st == RD_OK) {
		ret_hex[0] = part.digest[7];
		ret_hex[1] = '\0';
	}
	rd_part_finish(&part);
	return st;
}

static void assert_choice(const char *entries, const char *tag, const char *hex, bool index)
{
	char got[2];
	bool is_index;

	assert_ok(choose(entries, tag, got, &is_index, NULL));
	assert_string_equal(got, hex);
	assert_int_equal(is_index, index);
}

static void index_gives_tag_and_platform(void **state)
{
	(void)state;
	assert_choice(ENTRY(OCI_M, HEX_A, ""), NULL, "a", false);
	assert_choice(ENTRY(OCI_M, HEX_A, TAGGED("x")) "," ENTRY(OCI_M, HEX_B, TAGGED("y")), "y",
		"b", false);
	assert_choice(ENTRY(OCI_M, HEX_A, ON("linux", "arm64")) "," ENTRY(
			      OCI_M, HEX_B, ON("linux", "amd64")),
		NULL, "b", false);
	assert_choice(ENTRY(OCI_I, HEX_B, TAGGED("x")), "x", "b", true);
	/* What is not an image is passed over: signatures, attestations. */
	assert_choice(ENTRY("application/x", HEX_A, TAGGED("x")) "," ENTRY(OCI_M, HEX_B, ""), NULL,
		"b", false);
	assert_choice(ENTRY(OCI_M, HEX_A, ON("unknown", "unknown")) "," ENTRY(
			      OCI_M, HEX_B, ON("linux", "amd64")),
		NULL, "b", false);
	/* The plain architecture before one of its variants. */
	assert_choice(ENTRY(OCI_M, HEX_A,
			      ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\","
			      "\"variant\":\"v3\"}") "," ENTRY(OCI_M, HEX_B, ON("linux", "amd64")),
		NULL, "b", false);
}

static void index_refuses_with_what_there_is(void **state)
{
	const char *two = ENTRY(OCI_M, HEX_A, TAGGED("x")) "," ENTRY(OCI_M, HEX_B, TAGGED("y"));
	struct rd_error err;
	char hex[2];
	bool is_index;

	(void)state;
	assert_status(choose(two, "z", hex, &is_index, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, "x, y"));
	assert_status(choose(two, NULL, hex, &is_index, &err), RD_USAGE);
	assert_non_null(strstr(err.text, "x, y"));
	assert_status(choose(ENTRY(OCI_M, HEX_A, ON("linux", "s390x")), NULL, hex, &is_index, &err),
		RD_BAD_ARCH);
	assert_non_null(strstr(err.text, "linux/s390x"));
	assert_status(choose("", NULL, hex, &is_index, NULL), RD_NOTFOUND);
	assert_status(choose("5", NULL, hex, &is_index, NULL), RD_BAD_TYPE);
}

static enum rd_status choose_saved(const char *json, const char *ref, struct rd_manifest *m)
{
	return rd_save_manifest_choose(rd_view_str(json), ref, m, NULL);
}

static void saved_manifest_gives_paths_and_digests(void **state)
{
	struct rd_manifest m;

	(void)state;
	assert_ok(
		choose_saved("[{\"Config\":\"" HEX_A ".json\",\"RepoTags\":[\"a:1\",\"b:latest\"],"
			     "\"Layers\":[\"x/layer.tar\",\"blobs/sha256/" HEX_B "\"]}]",
			NULL, &m));
	assert_string_equal(m.ref, "a:1");
	assert_string_equal(m.config.digest, "sha256:" HEX_A);
	assert_string_equal(m.layers[0].name, "x/layer.tar");
	assert_string_equal(m.layers[0].digest, "");
	assert_true(m.layers[0].size == RD_SIZE_UNKNOWN);
	assert_string_equal(m.layers[1].digest, "sha256:" HEX_B);
	rd_manifest_finish(&m);
}

static void saved_manifest_is_chosen_by_name(void **state)
{
	const char *two =
		"[{\"Config\":\"a\",\"RepoTags\":[\"reg:5/a:1\"],\"Layers\":[]},"
		"{\"Config\":\"b\",\"RepoTags\":[\"b:2\",\"reg:5/b:latest\"],\"Layers\":[]}]";
	struct rd_manifest m;

	(void)state;
	assert_ok(choose_saved(two, "reg:5/b", &m));
	assert_string_equal(m.config.name, "b");
	rd_manifest_finish(&m);
	assert_ok(choose_saved(two, "reg:5/a:1", &m));
	assert_string_equal(m.config.name, "a");
	rd_manifest_finish(&m);
	assert_status(choose_saved(two, NULL, &m), RD_USAGE);
	assert_status(choose_saved(two, "reg:5/a", &m), RD_NOTFOUND);
	assert_status(choose_saved(two, "b:3", &m), RD_NOTFOUND);
	assert_status(choose_saved("[]", NULL, &m), RD_MISSING);
	assert_status(choose_saved("{}", NULL, &m), RD_MISSING);
	assert_status(choose_saved("[{\"Layers\":[]}]", NULL, &m), RD_BAD_TYPE);
	assert_status(choose_saved("[{\"Config\":\"a\",\"Layers\":[{}]}]", NULL, &m), RD_BAD_TYPE);
	assert_status(choose_saved("[7]", NULL, &m), RD_BAD_TYPE);
}

/* What buildah, podman and skopeo write into RepoTags. */
static void saved_manifest_knows_the_long_form_of_names(void **state)
{
	const char *one = "[{\"Config\":\"a\",\"RepoTags\":[\"docker.io/library/app:1\","
			  "\"docker.io/team/app:latest\"],\"Layers\":[]}]";
	static const char *const found[] = {"app:1", "docker.io/library/app:1", "team/app",
		"team/app:latest", "docker.io/team/app"};
	static const char *const not_found[] = {"app", "app:2", "library/team/app", "io/team/app",
		"other.io/library/app:1", "library/app:12"};
	struct rd_manifest m;
	struct rd_error err;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(found); i++) {
		assert_ok(choose_saved(one, found[i], &m));
		rd_manifest_finish(&m);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(not_found); i++) {
		assert_status(rd_save_manifest_choose(rd_view_str(one), not_found[i], &m, &err),
			RD_NOTFOUND);
		assert_non_null(strstr(err.text, "docker.io/library/app:1, docker.io/team/app"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifest_lists_its_parts),
		cmocka_unit_test(refuses_documents_with_two_meanings),
		cmocka_unit_test(refuses_bad_descriptors),
		cmocka_unit_test(refuses_too_many_layers),
		cmocka_unit_test(index_gives_tag_and_platform),
		cmocka_unit_test(index_refuses_with_what_there_is),
		cmocka_unit_test(saved_manifest_gives_paths_and_digests),
		cmocka_unit_test(saved_manifest_is_chosen_by_name),
		cmocka_unit_test(saved_manifest_knows_the_long_form_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
