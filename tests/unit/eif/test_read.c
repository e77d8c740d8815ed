/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: the synthetic image of the format's description, and one refusal for each rule. */
#include "test.h"

#include "eif/kernel.h"
#include "eif/memory.h"
#include "eif/read.h"

#include "synthetic.h"

static enum rd_status parse(const uint8_t *bytes, size_t len, size_t chunk,
	struct rd_eif_parser **ret_parser, const struct rd_eif_info **ret_info)
{
	struct rd_error err = {0};
	enum rd_status st;

	assert_ok(rd_eif_parser_new(ret_parser));
	for (size_t at = 0; at < len; at += chunk) {
		size_t n = len - at < chunk ? len - at : chunk;

		st = rd_eif_parser_feed(*ret_parser, rd_view(bytes + at, n), &err);
		if (st != RD_OK) {
			break;
		}
	}
	if (err.status == RD_OK) {
		st = rd_eif_parser_finish(*ret_parser, ret_info, &err);
	}
	if (st != RD_OK) {
		/* Every refusal has a sentence, and it is the one that was returned. */
		assert_int_equal(err.status, st);
		assert_true(strlen(err.text) > 10);
	}
	return st;
}

static enum rd_status parse_status(const uint8_t *bytes, size_t len)
{
	struct rd_eif_parser *p = NULL;
	const struct rd_eif_info *info;
	enum rd_status whole = parse(bytes, len, len + 1, &p, &info);
	enum rd_status bytewise;

	rd_eif_parser_free(&p);
	bytewise = parse(bytes, len, 1, &p, &info);
	rd_eif_parser_free(&p);
	/* How the file is cut must not matter. */
	assert_status(bytewise, whole);
	return whole;
}

static void reads_the_synthetic_image_in_pieces_of_any_size(void **state)
{
	uint8_t image[SYNTHETIC_SIZE];
	static const uint64_t offsets[] = {560, 578, 603, 617, 633};
	static const uint64_t sizes[] = {6, 13, 2, 4, 4};

	(void)state;
	assert_int_equal(assemble_synthetic(image), SYNTHETIC_SIZE);
	for (size_t chunk = 1; chunk <= SYNTHETIC_SIZE; chunk += 9) {
		struct rd_eif_parser *p = NULL;
		const struct rd_eif_info *info;

		assert_ok(parse(image, sizeof(image), chunk, &p, &info));
		assert_int_equal(info->version, 4);
		assert_false(info->aarch64);
		assert_int_equal(info->file_size, SYNTHETIC_SIZE);
		assert_int_equal(info->n_sections, 5);
		for (unsigned i = 0; i < 5; i++) {
			assert_int_equal(info->sections[i].type, synthetic_sections[i].type);
			assert_int_equal(info->sections[i].offset, offsets[i]);
			assert_int_equal(info->sections[i].size, sizes[i]);
		}
		assert_int_equal(info->crc_computed, SYNTHETIC_CRC);
		assert_view_hex(rd_view(info->pcrs.pcr0, 48), SYNTHETIC_PCR0);
		assert_view_hex(rd_view(info->pcrs.pcr1, 48), SYNTHETIC_PCR1);
		assert_view_hex(rd_view(info->pcrs.pcr2, 48), SYNTHETIC_PCR2);
		assert_string_equal((const char *)info->cmdline.ptr, "console=ttyS0");
		assert_true(rd_view_equal(info->metadata, rd_view_str("{}")));
		assert_null(info->signature.ptr);
		assert_int_equal(info->ramdisk_size, 8);
		assert_status(rd_eif_check_runnable(info, NULL), RD_BAD_MAGIC);
		rd_eif_parser_free(&p);
	}
}

static void pcr2_of_one_ramdisk_is_the_known_constant(void **state)
{
	uint8_t image[SYNTHETIC_SIZE];
	struct rd_eif_parser *p = NULL;
	const struct rd_eif_info *info;
	size_t n = assemble(image, synthetic_sections, 4);

	(void)state;
	assert_ok(parse(image, n, n, &p, &info));
	assert_view_hex(rd_view(info->pcrs.pcr2, 48), PCR_OF_NOTHING);
	assert_memory_equal(info->pcrs.pcr0, info->pcrs.pcr1, 48);
	rd_eif_parser_free(&p);
}

static void reports_a_wrong_crc_and_refuses_to_run_it(void **state)
{
	uint8_t image[SYNTHETIC_SIZE];
	struct rd_eif_parser *p = NULL;
	const struct rd_eif_info *info;
	struct rd_error err;

	(void)state;
	assemble_synthetic(image);
	image[SYNTHETIC_SIZE - 1] ^= 1;
	assert_ok(parse(image, sizeof(image), 100, &p, &info));
	assert_int_not_equal(info->crc_computed, info->crc_stored);
	assert_status(rd_eif_check_runnable(info, &err), RD_BAD_CRC);
	rd_eif_parser_free(&p);
}

/* Five sectors and 1,000 paragraphs. */
#define BZIMAGE_SIZE (5 * 512 + 1000 * 16)

static void bzimage(uint8_t head[RD_EIF_KERNEL_HEAD_SIZE], uint32_t init_size)
{
	memset(head, 0, RD_EIF_KERNEL_HEAD_SIZE);
	rd_put_le32(head + 0x1f4, 1000);
	rd_put_le16(head + 0x1fe, 0xaa55);
	memcpy(head + 0x202, "HdrS", 4);
	rd_put_le16(head + 0x206, 0x20f);
	head[0x211] = 1;
	rd_put_le32(head + 0x260, init_size);
}

static void refuses_to_run_old_versions_and_other_machines(void **state)
{
	uint8_t head[RD_EIF_KERNEL_HEAD_SIZE];
	uint8_t image[SYNTHETIC_SIZE];
	struct rd_eif_parser *p = NULL;
	const struct rd_eif_info *info;
	struct rd_eif_info changed;
	struct rd_error err;

	(void)state;
	assemble_synthetic(image);
	assert_ok(parse(image, sizeof(image), 100, &p, &info));
	changed = *info;
	changed.aarch64 = true;
	assert_status(rd_eif_check_runnable(&changed, &err), RD_BAD_ARCH);
	changed = *info;
	changed.version = 3;
	assert_status(rd_eif_check_runnable(&changed, &err), RD_BAD_VERSION);
	changed = *info;
	bzimage(head, 1 << 20);
	changed.kernel_head = rd_view(head, sizeof(head));
	changed.kernel_size = BZIMAGE_SIZE;
	assert_ok(rd_eif_check_runnable(&changed, &err));
	changed.kernel_size--;
	assert_status(rd_eif_check_runnable(&changed, &err), RD_TRUNCATED);
	rd_eif_parser_free(&p);
}

static void metadata_is_mandatory_since_version_4(void **state)
{
	static const struct synthetic_section old[] = {
		{RD_EIF_KERNEL, "K"}, {RD_EIF_CMDLINE, "c"}, {RD_EIF_RAMDISK, "R"}};
	uint8_t image[SYNTHETIC_SIZE];
	size_t n = assemble(image, old, 3);

	(void)state;
	assert_status(parse_status(image, n), RD_MISSING);
	image[5] = 3;
	assert_ok(parse_status(image, n));
	image[5] = 2;
	assert_ok(parse_status(image, n));
	image[5] = 1;
	assert_status(parse_status(image, n), RD_BAD_VERSION);
	image[5] = 5;
	assert_status(parse_status(image, n), RD_BAD_VERSION);
}

static void every_truncation_is_noticed(void **state)
{
	uint8_t image[SYNTHETIC_SIZE];

	(void)state;
	assemble_synthetic(image);
	for (size_t n = 0; n < sizeof(image); n++) {
		assert_status(parse_status(image, n), RD_TRUNCATED);
	}
}

static void refuses_trailing_bytes(void **state)
{
	uint8_t image[SYNTHETIC_SIZE + 1] = {0};

	(void)state;
	assemble_synthetic(image);
	assert_status(parse_status(image, sizeof(image)), RD_TRAILING);
}

/* One big-endian field of the header or a section header changed, and what that must give. */
static void refuses_damaged_fields(void **state)
{
	static const struct {
		const char *what;
		unsigned offset;
		unsigned width;
		uint64_t value;
		enum rd_status want;
	} cases[] = {
		{"magic", 0, 4, 0x7f454c46, RD_BAD_MAGIC},
		{"reserved flag", 6, 2, 2, RD_OUT_OF_RANGE},
		{"reserved field", 24, 2, 1, RD_OUT_OF_RANGE},
		{"no sections", 26, 2, 0, RD_OUT_OF_RANGE},
		{"one section", 26, 2, 1, RD_OUT_OF_RANGE},
		{"33 sections", 26, 2, 33, RD_OUT_OF_RANGE},
		{"fewer sections than entries", 26, 2, 4, RD_OUT_OF_RANGE},
		{"more sections than entries", 26, 2, 6, RD_OVERLAP},
		{"unused field", 540, 4, 1, RD_OUT_OF_RANGE},
		{"first section inside the header", 28, 8, 547, RD_OVERLAP},
		{"first section after a gap", 28, 8, 549, RD_MALFORMED},
		{"overlap", 28 + 8, 8, 565, RD_OVERLAP},
		{"gap", 28 + 8, 8, 567, RD_MALFORMED},
		{"same place twice", 28 + 16, 8, 566, RD_OVERLAP},
		{"size over the limit", 284 + 32, 8, ((uint64_t)1 << 40) + 1, RD_LIMIT},
		{"size that wraps around", 284 + 32, 8, UINT64_MAX - 3, RD_LIMIT},
		{"last size too large", 284 + 32, 8, 5, RD_NONCANONICAL},
		{"last size too small", 284 + 32, 8, 3, RD_NONCANONICAL},
		{"unused offset set", 28 + 31 * 8, 8, 1, RD_OUT_OF_RANGE},
		{"unused size set", 284 + 31 * 8, 8, 1, RD_OUT_OF_RANGE},
		{"section type 0", 548, 2, 0, RD_BAD_TYPE},
		{"section type 6", 548, 2, 6, RD_BAD_TYPE},
		{"section flags", 550, 2, 1, RD_OUT_OF_RANGE},
		{"section's own size", 552, 8, 7, RD_NONCANONICAL},
		{"second kernel", 566, 2, RD_EIF_KERNEL, RD_DUPLICATE},
		{"second cmdline", 591, 2, RD_EIF_CMDLINE, RD_DUPLICATE},
		{"second metadata", 605, 2, RD_EIF_METADATA, RD_DUPLICATE},
		{"ramdisk before the kernel", 548, 2, RD_EIF_RAMDISK, RD_FORBIDDEN},
		{"no kernel", 548, 2, RD_EIF_SIGNATURE, RD_FORBIDDEN},
		{"no cmdline", 566, 2, RD_EIF_RAMDISK, RD_MISSING},
		{"no metadata", 591, 2, RD_EIF_RAMDISK, RD_MISSING},
		{"NUL in the cmdline", 580, 1, 0, RD_FORBIDDEN},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		uint8_t image[SYNTHETIC_SIZE];
		enum rd_status got;

		assemble_synthetic(image);
		for (unsigned b = 0; b < cases[i].width; b++) {
			image[cases[i].offset + b] = (uint8_t)(cases[i].value >>
							       8 * (cases[i].width - 1 - b));
		}
		got = parse_status(image, sizeof(image));
		if (got != cases[i].want) {
			fail_msg("%s: got %s, want %s", cases[i].what, rd_status_name(got),
				rd_status_name(cases[i].want));
		}
	}
}

static void refuses_images_without_their_parts(void **state)
{
	static const struct synthetic_section no_ramdisk[] = {
		{RD_EIF_KERNEL, "K"}, {RD_EIF_CMDLINE, "c"}, {RD_EIF_METADATA, "{}"}};
	static const struct synthetic_section no_kernel[] = {
		{RD_EIF_CMDLINE, "c"}, {RD_EIF_METADATA, "{}"}};
	static const struct synthetic_section empty_kernel[] = {{RD_EIF_KERNEL, ""},
		{RD_EIF_CMDLINE, "c"}, {RD_EIF_METADATA, "{}"}, {RD_EIF_RAMDISK, "R"}};
	static const struct synthetic_section two_signatures[] = {
		{RD_EIF_KERNEL, "K"}, {RD_EIF_SIGNATURE, "s"}, {RD_EIF_SIGNATURE, "s"}};
	static const struct synthetic_section empty_others[] = {{RD_EIF_KERNEL, "K"},
		{RD_EIF_CMDLINE, ""}, {RD_EIF_METADATA, ""}, {RD_EIF_RAMDISK, ""}};
	uint8_t image[SYNTHETIC_SIZE];

	(void)state;
	assert_status(parse_status(image, assemble(image, no_ramdisk, 3)), RD_MISSING);
	assert_status(parse_status(image, assemble(image, no_kernel, 2)), RD_MISSING);
	assert_status(parse_status(image, assemble(image, empty_kernel, 4)), RD_FORBIDDEN);
	assert_status(parse_status(image, assemble(image, two_signatures, 3)), RD_DUPLICATE);
	assert_ok(parse_status(image, assemble(image, empty_others, 4)));
}

/* Sections with limits: the size is refused from the header, before any data is there. */
static void refuses_oversized_small_sections(void **state)
{
	static const struct {
		uint16_t type;
		uint64_t max;
	} cases[] = {{RD_EIF_CMDLINE, RD_EIF_CMDLINE_MAX}, {RD_EIF_SIGNATURE, RD_EIF_SIGNATURE_MAX},
		{RD_EIF_METADATA, RD_EIF_METADATA_MAX}, {RD_EIF_KERNEL, RD_EIF_KERNEL_MAX}};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		for (unsigned over = 0; over < 2; over++) {
			struct synthetic_section s[] = {{cases[i].type, ""}, {RD_EIF_RAMDISK, ""}};
			uint8_t image[SYNTHETIC_SIZE];

			assemble(image, s, 2);
			rd_put_be64(image + 284, cases[i].max + over);
			rd_put_be64(image + 552, cases[i].max + over);
			rd_put_be64(image + 36, 560 + cases[i].max + over);
			assert_status(parse_status(image, 560), over ? RD_LIMIT : RD_TRUNCATED);
		}
	}
}

static void a_refused_parser_stays_refused(void **state)
{
	struct rd_eif_parser *p = NULL;
	const struct rd_eif_info *info;
	uint8_t image[SYNTHETIC_SIZE];
	struct rd_error err;

	(void)state;
	assemble_synthetic(image);
	assert_ok(rd_eif_parser_new(&p));
	assert_status(rd_eif_parser_feed(p, rd_view("ELF!", 4), &err), RD_BAD_MAGIC);
	assert_status(rd_eif_parser_feed(p, rd_view(image, sizeof(image)), &err), RD_USAGE);
	assert_status(rd_eif_parser_finish(p, &info, &err), RD_USAGE);
	rd_eif_parser_free(&p);
}

static void reads_files_and_names_them_in_errors(void **state)
{
	struct rd_eif_parser *p = NULL;
	const struct rd_eif_info *info;
	uint8_t image[SYNTHETIC_SIZE];
	struct rd_error err;
	FILE *f = tmpfile();

	(void)state;
	assemble_synthetic(image);
	assert_non_null(f);
	assert_int_equal(fwrite(image, 1, 600, f), 600);
	assert_int_equal(fflush(f), 0);
	assert_ok(rd_eif_parser_new(&p));
	assert_status(rd_eif_parser_read_fd(p, fileno(f), "app.eif", &info, &err), RD_TRUNCATED);
	assert_non_null(strstr(err.text, "app.eif: the file ends after 600 of 637 bytes"));
	rd_eif_parser_free(&p);
	assert_int_equal(fwrite(image + 600, 1, 37, f), 37);
	assert_int_equal(fflush(f), 0);
	assert_ok(rd_eif_parser_new(&p));
	assert_ok(rd_eif_parser_read_fd(p, fileno(f), "app.eif", &info, &err));
	assert_int_equal(rd_eif_parser_expected_size(p), SYNTHETIC_SIZE);
	rd_eif_parser_free(&p);
	assert_ok(rd_eif_parser_new(&p));
	assert_status(rd_eif_parser_read_fd(p, -1, "app.eif", &info, &err), RD_IO);
	rd_eif_parser_free(&p);
	fclose(f);
}

#define ENTRY(mode, size, namesize, name)                                                          \
	"070701"                                                                                   \
	"000002d1" mode "00000000"                                                                 \
	"00000000"                                                                                 \
	"00000001"                                                                                 \
	"00000000" size "00000000"                                                                 \
	"00000000"                                                                                 \
	"00000000"                                                                                 \
	"00000000" namesize "00000000" name

static struct rd_eif_unpacked unpacked_of(const char *ramdisk, size_t len, size_t chunk)
{
	uint8_t image[2048];
	struct rd_eif_parser *p = NULL;
	const struct rd_eif_info *info = NULL;
	struct rd_eif_unpacked sum;
	size_t n = 617 + len;

	assemble(image, synthetic_sections, 4);
	/* Replace the last section's data. */
	rd_put_be64(image + 284 + 24, len);
	rd_put_be64(image + 605 + 4, len);
	memcpy(image + 617, ramdisk, len);
	assert_ok(parse(image, n, chunk, &p, &info));
	assert_non_null(info);
	sum = info->unpacked;
	rd_eif_parser_free(&p);
	return sum;
}

static void counts_what_archives_unpack_to(void **state)
{
	/* header 110 + name 2 = 112; data 5, padded to 8. */
	static const char archive[] = ENTRY("000081a4", "00000005", "00000002",
		"f\0") "hello\0\0\0" ENTRY("000041ed", "00000000", "00000002", "d\0")
		ENTRY("00000000", "00000000", "0000000b", "TRAILER!!!\0\0\0\0") "\0\0\0\0\0\0\0\0";
	struct rd_eif_unpacked sum;

	(void)state;
	for (size_t chunk = 1; chunk < 700; chunk += 13) {
		sum = unpacked_of(archive, sizeof(archive) - 1, chunk);
		assert_false(sum.opaque);
		assert_int_equal(sum.entries, 3);
		assert_int_equal(sum.data_pages, 1);
	}
	assert_true(unpacked_of("\x1f\x8b\x08\0\0", 5, 1000).opaque);
	assert_true(unpacked_of(archive, 115, 1000).opaque);
	assert_true(unpacked_of(archive, 50, 1000).opaque);
	assert_true(unpacked_of("07070X", 6, 1000).opaque);
	assert_false(unpacked_of("\0\0\0\0", 4, 1000).opaque);
}

static enum rd_status read_kernel(const uint8_t *head, size_t len, uint64_t size)
{
	uint32_t init_size = 1;
	enum rd_status st = rd_eif_kernel_read(rd_view(head, len), size, &init_size, NULL);

	assert_int_equal(init_size, st == RD_OK ? 4711 : 1);
	return st;
}

static void a_kernel_is_a_whole_bzimage(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum rd_status st;
	} changes[] = {{0x1fe, 0, RD_BAD_MAGIC}, {0x1ff, 0, RD_BAD_MAGIC},
		{0x202, 'h', RD_BAD_MAGIC}, {0x205, 0, RD_BAD_MAGIC}, {0x211, 0x80, RD_BAD_MAGIC},
		{0x207, 1, RD_BAD_VERSION}, {0x206, 0x09, RD_BAD_VERSION}, {0x206, 0x0a, RD_OK},
		{0x1f1, 5, RD_TRUNCATED}, {0x1f1, 3, RD_OK}, {0x1f4, 0xe9, RD_TRUNCATED},
		{0x1f7, 0xff, RD_TRUNCATED}};
	uint8_t head[RD_EIF_KERNEL_HEAD_SIZE];

	(void)state;
	bzimage(head, 4711);
	assert_ok(read_kernel(head, sizeof(head), BZIMAGE_SIZE));
	assert_ok(read_kernel(head, sizeof(head), UINT64_MAX));
	assert_status(read_kernel(head, sizeof(head), BZIMAGE_SIZE - 1), RD_TRUNCATED);
	assert_status(read_kernel(head, sizeof(head) - 1, BZIMAGE_SIZE), RD_BAD_MAGIC);
	assert_status(read_kernel(NULL, 0, 0), RD_BAD_MAGIC);
	for (size_t i = 0; i < RD_ARRAY_LEN(changes); i++) {
		bzimage(head, 4711);
		head[changes[i].at] = changes[i].value;
		assert_status(read_kernel(head, sizeof(head), BZIMAGE_SIZE), changes[i].st);
	}
}

static void memory_follows_the_image(void **state)
{
	uint8_t head[RD_EIF_KERNEL_HEAD_SIZE] = {0};
	struct rd_eif_info info = {.kernel_head = rd_view(head, sizeof(head)),
		.kernel_size = 8 << 20,
		.cmdline = rd_view_str("reboot=k panic=30"),
		.ramdisk_size = 1 << 20};
	uint64_t told;

	(void)state;
	/* Without the boot protocol's word for it, four times the kernel's size. */
	info.kernel_size = 100 << 20;
	assert_in_range(rd_eif_memory_needed_mib(&info), 400, 440);
	bzimage(head, 24 << 20);
	assert_int_equal(rd_eif_memory_needed_mib(&info), 64);
	rd_put_le32(head + 0x260, 100 << 20);
	told = rd_eif_memory_needed_mib(&info);
	assert_true(told > 100 && told < 140);
	/* 100 MiB of files cost the ramdisk, and twice their pages under tmpfs. */
	info.ramdisk_size = 100 << 20;
	info.unpacked = (struct rd_eif_unpacked){.entries = 1000, .data_pages = 25600};
	assert_in_range(rd_eif_memory_needed_mib(&info), told + 295, told + 312);
	info.cmdline = rd_view_str("rootfstype=ramfs");
	assert_in_range(rd_eif_memory_needed_mib(&info), told + 195, told + 210);
	info.unpacked = (struct rd_eif_unpacked){.opaque = true};
	assert_in_range(rd_eif_memory_needed_mib(&info), told + 495, told + 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_synthetic_image_in_pieces_of_any_size),
		cmocka_unit_test(pcr2_of_one_ramdisk_is_the_known_constant),
		cmocka_unit_test(reports_a_wrong_crc_and_refuses_to_run_it),
		cmocka_unit_test(refuses_to_run_old_versions_and_other_machines),
		cmocka_unit_test(metadata_is_mandatory_since_version_4),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(refuses_trailing_bytes),
		cmocka_unit_test(refuses_damaged_fields),
		cmocka_unit_test(refuses_images_without_their_parts),
		cmocka_unit_test(refuses_oversized_small_sections),
		cmocka_unit_test(a_refused_parser_stays_refused),
		cmocka_unit_test(reads_files_and_names_them_in_errors),
		cmocka_unit_test(counts_what_archives_unpack_to),
		cmocka_unit_test(a_kernel_is_a_whole_bzimage),
		cmocka_unit_test(memory_follows_the_image),
	};

	return cmocka_run_group_tests_name("eif read", tests, NULL, NULL);
}
