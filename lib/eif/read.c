/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The incremental reader: header → (section header → data)* → end.
 *
 * The header's table is checked against itself as soon as the header is whole, so from then on the
 * place and size of everything is known; each section's own header must then say the same.
 */
#include "eif/read.h"

#include "base/byteorder.h"
#include "eif/kernel.h"
#include "eif/unpacked.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define READ_CHUNK ((size_t)256 * 1024)

enum state {
	IN_HEADER,
	IN_SECTION_HEADER,
	IN_DATA,
	AT_END,
	FAILED,
};

struct rd_eif_parser {
	enum state state;
	uint8_t head[RD_EIF_HEADER_SIZE]; /* of the file, then of each section */
	size_t have;                      /* bytes in head */
	uint64_t offset;                  /* bytes consumed */
	uint64_t expected_size;
	unsigned section;                    /* index of the current one */
	uint64_t left;                       /* of its data */
	unsigned count[RD_EIF_METADATA + 1]; /* sections seen, by type */
	uint32_t crc;
	struct rd_eif_measure *measure;
	struct rd_eif_walk walk;
	struct rd_buf cmdline;
	struct rd_buf metadata;
	struct rd_buf signature;
	uint8_t kernel_head[RD_EIF_KERNEL_HEAD_SIZE];
	size_t kernel_head_len;
	struct rd_eif_info info;
};

/* What the format says of each type. */
static const struct {
	const char *name;
	uint64_t max;
	bool once;
} types[] = {
	[RD_EIF_KERNEL] = {"kernel", RD_EIF_KERNEL_MAX, true},
	[RD_EIF_CMDLINE] = {"cmdline", RD_EIF_CMDLINE_MAX, true},
	[RD_EIF_RAMDISK] = {"ramdisk", RD_EIF_FILE_MAX, false},
	[RD_EIF_SIGNATURE] = {"signature", RD_EIF_SIGNATURE_MAX, true},
	[RD_EIF_METADATA] = {"metadata", RD_EIF_METADATA_MAX, true},
};

enum rd_status rd_eif_parser_new(struct rd_eif_parser **ret_parser)
{
	struct rd_eif_parser *p RD_CLEANUP(rd_eif_parser_free) = calloc(1, sizeof(*p));

	RD_ENSURE(p != NULL, RD_NOMEM);
	p->cmdline = rd_buf_growable(RD_EIF_CMDLINE_MAX + 1);
	p->metadata = rd_buf_growable(RD_EIF_METADATA_MAX);
	p->signature = rd_buf_growable(RD_EIF_SIGNATURE_MAX);
	*ret_parser = rd_steal(&p, NULL);
	return RD_OK;
}

void rd_eif_parser_free(struct rd_eif_parser **parser)
{
	struct rd_eif_parser *p = *parser;

	if (p != NULL) {
		rd_eif_measure_free(&p->measure);
		rd_buf_finish(&p->cmdline);
		rd_buf_finish(&p->metadata);
		rd_buf_finish(&p->signature);
		free(p);
	}
	*parser = NULL;
}

uint64_t rd_eif_parser_expected_size(const struct rd_eif_parser *parser)
{
	return parser->expected_size;
}

/* What can fail without a word of its own: memory, the digest. */
static enum rd_status explain(enum rd_status st, struct rd_error *err)
{
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "reading the image failed: %s", rd_status_text(st));
}

static enum rd_status check_magic(const uint8_t *h, struct rd_error *err)
{
	if (memcmp(h, ".eif", RD_EIF_MAGIC_SIZE) != 0) {
		return rd_fail(err, RD_BAD_MAGIC,
			"not an enclave image: it starts with %02x%02x%02x%02x instead of \".eif\"; "
			"make one with nitro-cli build-enclave",
			h[0], h[1], h[2], h[3]);
	}
	return RD_OK;
}

static enum rd_status check_fixed_fields(struct rd_eif_parser *p, struct rd_error *err)
{
	const uint8_t *h = p->head;
	uint16_t flags = rd_get_be16(h + RD_EIF_OFF_FLAGS);

	RD_TRY(check_magic(h, err));
	p->info.version = rd_get_be16(h + RD_EIF_OFF_VERSION);
	p->info.aarch64 = (flags & RD_EIF_FLAG_AARCH64) != 0;
	p->info.n_sections = rd_get_be16(h + RD_EIF_OFF_NUM_SECTIONS);
	p->info.crc_stored = rd_get_be32(h + RD_EIF_OFF_CRC);
	if (p->info.version < RD_EIF_VERSION_MIN || p->info.version > RD_EIF_VERSION) {
		return rd_fail(err, RD_BAD_VERSION,
			"the header has version %u, known are %u to %u: build the image again",
			p->info.version, RD_EIF_VERSION_MIN, RD_EIF_VERSION);
	}
	if ((flags & ~RD_EIF_FLAG_AARCH64) != 0 || rd_get_be16(h + RD_EIF_OFF_RESERVED) != 0 ||
		rd_get_be32(h + RD_EIF_OFF_UNUSED) != 0) {
		return rd_fail(err, RD_OUT_OF_RANGE,
			"the header has reserved bits or fields that are not zero: the file is "
			"damaged or of a later format");
	}
	if (p->info.n_sections < RD_EIF_SECTIONS_MIN || p->info.n_sections > RD_EIF_SECTIONS_MAX) {
		return rd_fail(err, RD_OUT_OF_RANGE,
			"the header has %u sections, allowed are %u to %u: build the image again",
			p->info.n_sections, RD_EIF_SECTIONS_MIN, RD_EIF_SECTIONS_MAX);
	}
	return RD_OK;
}

/* One line of the table: it must continue exactly where the one before ended. */
static enum rd_status check_place(struct rd_eif_parser *p, unsigned i, struct rd_error *err)
{
	uint64_t place = rd_get_be64(p->head + RD_EIF_OFF_OFFSETS + 8 * i);
	uint64_t size = rd_get_be64(p->head + RD_EIF_OFF_SIZES + 8 * i);

	if (i >= p->info.n_sections) {
		if (place != 0 || size != 0) {
			return rd_fail(err, RD_OUT_OF_RANGE,
				"the header has %u sections, but an offset or size at entry %u: "
				"build the image again",
				p->info.n_sections, i);
		}
		return RD_OK;
	}
	if (place != p->expected_size) {
		return rd_fail(err, place < p->expected_size ? RD_OVERLAP : RD_MALFORMED,
			"section %u is said to start at byte %" PRIu64
			", but what precedes it ends at "
			"byte %" PRIu64 " (%s): build the image again",
			i, place, p->expected_size, place < p->expected_size ? "overlap" : "gap");
	}
	if (size > RD_EIF_FILE_MAX || p->expected_size + size > RD_EIF_FILE_MAX) {
		return rd_fail(err, RD_LIMIT,
			"section %u is said to have %" PRIu64
			" bytes, an image has at most %" PRIu64 ": the header is damaged",
			i, size, RD_EIF_FILE_MAX);
	}
	p->info.sections[i].offset = place + RD_EIF_SECTION_HEADER_SIZE;
	p->info.sections[i].size = size;
	p->expected_size = place + RD_EIF_SECTION_HEADER_SIZE + size;
	return RD_OK;
}

static enum rd_status end_header(struct rd_eif_parser *p, struct rd_error *err)
{
	RD_TRY(check_fixed_fields(p, err));
	p->expected_size = RD_EIF_HEADER_SIZE;
	for (unsigned i = 0; i < RD_EIF_SECTIONS_MAX; i++) {
		RD_TRY(check_place(p, i, err));
	}
	p->crc = (uint32_t)crc32(0, p->head, RD_EIF_OFF_CRC);
	p->state = IN_SECTION_HEADER;
	return RD_OK;
}

static enum rd_status check_section_rules(
	struct rd_eif_parser *p, const struct rd_eif_section *s, struct rd_error *err)
{
	const char *name = types[s->type].name;

	if (s->size > types[s->type].max) {
		return rd_fail(err, RD_LIMIT,
			"section %u (%s) has %" PRIu64 " bytes, allowed are %" PRIu64, p->section,
			name, s->size, types[s->type].max);
	}
	if (types[s->type].once && p->count[s->type] > 0) {
		return rd_fail(err, RD_DUPLICATE,
			"section %u is a second %s, allowed is one: build the image again",
			p->section, name);
	}
	if (s->type == RD_EIF_RAMDISK && p->count[RD_EIF_KERNEL] == 0) {
		return rd_fail(err, RD_FORBIDDEN,
			"section %u is a ramdisk before the kernel: build the image again",
			p->section);
	}
	if (s->type == RD_EIF_KERNEL && s->size == 0) {
		return rd_fail(err, RD_FORBIDDEN,
			"section %u is a kernel without a single byte: build the image again",
			p->section);
	}
	p->count[s->type]++;
	return RD_OK;
}

static enum rd_status end_section_header(struct rd_eif_parser *p, struct rd_error *err)
{
	struct rd_eif_section *s = &p->info.sections[p->section];
	uint16_t type = rd_get_be16(p->head);
	uint16_t flags = rd_get_be16(p->head + 2);
	uint64_t size = rd_get_be64(p->head + 4);

	if (type < RD_EIF_KERNEL || type > RD_EIF_METADATA) {
		return rd_fail(err, RD_BAD_TYPE,
			"section %u (byte %" PRIu64 ") has unknown type %u", p->section,
			s->offset - RD_EIF_SECTION_HEADER_SIZE, type);
	}
	if (size != s->size) {
		return rd_fail(err, RD_NONCANONICAL,
			"section %u (%s) says of itself that it has %" PRIu64
			" bytes, the header's "
			"table says %" PRIu64 ": build the image again",
			p->section, types[type].name, size, s->size);
	}
	if (flags != 0) {
		return rd_fail(err, RD_OUT_OF_RANGE, "section %u (%s) has unknown flags 0x%04x",
			p->section, types[type].name, flags);
	}
	s->type = (enum rd_eif_type)type;
	RD_TRY(check_section_rules(p, s, err));
	p->crc = (uint32_t)crc32(p->crc, p->head, RD_EIF_SECTION_HEADER_SIZE);
	p->left = size;
	p->state = IN_DATA;
	/* Whoever reads no further than the header needs no digests, which are slow to set up. */
	if (p->measure == NULL) {
		RD_TRY(explain(rd_eif_measure_new(&p->measure), err));
	}
	return explain(rd_eif_measure_begin(p->measure, s->type), err);
}

static enum rd_status keep_data(
	struct rd_eif_parser *p, enum rd_eif_type type, struct rd_view data, struct rd_error *err)
{
	size_t room = RD_EIF_KERNEL_HEAD_SIZE - p->kernel_head_len;

	switch (type) {
	case RD_EIF_KERNEL:
		room = room < data.len ? room : data.len;
		memcpy(p->kernel_head + p->kernel_head_len, data.ptr, room);
		p->kernel_head_len += room;
		return RD_OK;
	case RD_EIF_CMDLINE:
		if (memchr(data.ptr, 0, data.len) != NULL) {
			return rd_fail(err, RD_FORBIDDEN,
				"section %u (cmdline) holds a NUL, where the kernel would stop "
				"reading: build the image again",
				p->section);
		}
		return explain(rd_buf_put_view(&p->cmdline, data), err);
	case RD_EIF_RAMDISK:
		rd_eif_walk_feed(&p->walk, data);
		return RD_OK;
	case RD_EIF_SIGNATURE:
		return explain(rd_buf_put_view(&p->signature, data), err);
	case RD_EIF_METADATA:
		return explain(rd_buf_put_view(&p->metadata, data), err);
	}
	return RD_INTERNAL;
}

/* zlib counts in unsigned int. */
static uint32_t crc_of(uint32_t crc, struct rd_view data)
{
	return (uint32_t)crc32_z(crc, data.ptr, data.len);
}

static enum rd_status take_data(struct rd_eif_parser *p, struct rd_cur *in, struct rd_error *err)
{
	enum rd_eif_type type = p->info.sections[p->section].type;
	size_t n = p->left < in->left ? (size_t)p->left : in->left;
	struct rd_view data;

	RD_TRY(rd_cur_take(in, n, &data));
	if (n > 0) {
		p->crc = crc_of(p->crc, data);
		RD_TRY(explain(rd_eif_measure_data(p->measure, data), err));
		RD_TRY(keep_data(p, type, data, err));
		p->left -= n;
		p->offset += n;
	}
	if (p->left == 0) {
		p->section++;
		p->state = p->section == p->info.n_sections ? AT_END : IN_SECTION_HEADER;
	}
	return RD_OK;
}

/* Collects into head until size bytes are there; says so. */
static bool collect(struct rd_eif_parser *p, struct rd_cur *in, size_t size)
{
	size_t n = size - p->have;

	n = n < in->left ? n : in->left;
	if (rd_cur_copy(in, p->head + p->have, n) != RD_OK) {
		return false;
	}
	p->have += n;
	p->offset += n;
	if (p->have < size) {
		return false;
	}
	p->have = 0;
	return true;
}

static enum rd_status step(struct rd_eif_parser *p, struct rd_cur *in, struct rd_error *err)
{
	switch (p->state) {
	case IN_HEADER:
		if (collect(p, in, RD_EIF_HEADER_SIZE)) {
			return end_header(p, err);
		}
		/* Anything may be fed by mistake: say so at once, even if it is shorter. */
		return p->have >= RD_EIF_MAGIC_SIZE ? check_magic(p->head, err) : RD_OK;
	case IN_SECTION_HEADER:
		return collect(p, in, RD_EIF_SECTION_HEADER_SIZE) ? end_section_header(p, err)
								  : RD_OK;
	case IN_DATA:
		return take_data(p, in, err);
	case AT_END:
		return rd_fail(err, RD_TRAILING,
			"bytes follow the last section, which ends at byte %" PRIu64
			": build the image again",
			p->expected_size);
	case FAILED:
		break;
	}
	return rd_fail(err, RD_USAGE, "the image was refused already");
}

enum rd_status rd_eif_parser_feed(
	struct rd_eif_parser *parser, struct rd_view bytes, struct rd_error *err)
{
	struct rd_cur in = rd_cur(bytes);

	while (in.left > 0) {
		enum rd_status st = step(parser, &in, err);

		if (st != RD_OK) {
			parser->state = FAILED;
			return st;
		}
		/* A section without data ends without a byte to show for it. */
		if (parser->state == IN_DATA && parser->left == 0) {
			RD_TRY(take_data(parser, &in, err));
		}
	}
	return RD_OK;
}

static enum rd_status check_complete(const struct rd_eif_parser *p, struct rd_error *err)
{
	static const enum rd_eif_type needed[] = {
		RD_EIF_KERNEL, RD_EIF_CMDLINE, RD_EIF_RAMDISK, RD_EIF_METADATA};

	if (p->state != AT_END) {
		if (p->expected_size == 0) {
			return rd_fail(err, RD_TRUNCATED,
				"not an enclave image: it ends after %" PRIu64 " bytes, the header "
				"alone has %u",
				p->offset, RD_EIF_HEADER_SIZE);
		}
		return rd_fail(err, RD_TRUNCATED,
			"the file ends after %" PRIu64 " of %" PRIu64
			" bytes, in section %u: copy or "
			"build the image again",
			p->offset, p->expected_size, p->section);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(needed); i++) {
		if (p->count[needed[i]] == 0 &&
			(needed[i] != RD_EIF_METADATA || p->info.version >= RD_EIF_VERSION)) {
			return rd_fail(err, RD_MISSING,
				"the image has no %s section: build it again",
				types[needed[i]].name);
		}
	}
	return RD_OK;
}

/* Present and empty is not absent: the pointer tells. */
static struct rd_view section_view(const struct rd_buf *b, unsigned count)
{
	return count > 0 ? rd_view(b->ptr != NULL ? b->ptr : (const uint8_t *)"", b->used)
			 : rd_view(NULL, 0);
}

static enum rd_status fill_info(struct rd_eif_parser *p)
{
	struct rd_eif_info *info = &p->info;

	RD_TRY(rd_buf_u8(&p->cmdline, 0));
	info->cmdline = rd_view(p->cmdline.ptr, p->cmdline.used - 1);
	info->metadata = section_view(&p->metadata, p->count[RD_EIF_METADATA]);
	info->signature = section_view(&p->signature, p->count[RD_EIF_SIGNATURE]);
	info->kernel_head = rd_view(p->kernel_head, p->kernel_head_len);
	info->file_size = p->offset;
	info->crc_computed = p->crc;
	info->unpacked = rd_eif_walk_result(&p->walk);
	for (unsigned i = 0; i < info->n_sections; i++) {
		if (info->sections[i].type == RD_EIF_KERNEL) {
			info->kernel_size = info->sections[i].size;
		} else if (info->sections[i].type == RD_EIF_RAMDISK) {
			info->ramdisk_size += info->sections[i].size;
		}
	}
	return rd_eif_measure_result(p->measure, &info->pcrs);
}

enum rd_status rd_eif_parser_finish(
	struct rd_eif_parser *parser, const struct rd_eif_info **ret_info, struct rd_error *err)
{
	enum rd_status st;

	if (parser->state == FAILED) {
		return rd_fail(err, RD_USAGE, "the image was refused already");
	}
	st = check_complete(parser, err);
	if (st == RD_OK) {
		st = explain(fill_info(parser), err);
	}
	parser->state = FAILED;
	RD_TRY(st);
	*ret_info = &parser->info;
	return RD_OK;
}

static void free_chunk(uint8_t **chunk)
{
	free(*chunk);
}

enum rd_status rd_eif_parser_read_fd(struct rd_eif_parser *parser, int fd, const char *name,
	const struct rd_eif_info **ret_info, struct rd_error *err)
{
	uint8_t *chunk RD_CLEANUP(free_chunk) = malloc(READ_CHUNK);
	enum rd_status st;
	off_t at = 0;

	if (chunk == NULL) {
		return rd_fail(err, RD_NOMEM, "reading %s: out of memory", name);
	}
	for (;;) {
		ssize_t n = pread(fd, chunk, READ_CHUNK, at);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return rd_fail_errno(err, errno, "reading %s", name);
		}
		if (n == 0) {
			break;
		}
		at += n;
		st = rd_eif_parser_feed(parser, rd_view(chunk, (size_t)n), err);
		if (st != RD_OK) {
			return rd_error_wrap(err, st, "%s", name);
		}
	}
	st = rd_eif_parser_finish(parser, ret_info, err);
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", name);
}

enum rd_status rd_eif_check_runnable(const struct rd_eif_info *info, struct rd_error *err)
{
	uint32_t init_size;

	if (info->crc_stored != info->crc_computed) {
		return rd_fail(err, RD_BAD_CRC,
			"the file is damaged: its checksum is %08x, its header says %08x; copy or "
			"build the image again",
			info->crc_computed, info->crc_stored);
	}
	if (info->version != RD_EIF_VERSION) {
		return rd_fail(err, RD_BAD_VERSION,
			"the image has version %u, version %u runs: build it again", info->version,
			RD_EIF_VERSION);
	}
	if (info->aarch64) {
		return rd_fail(err, RD_BAD_ARCH,
			"the image is for aarch64, this machine runs x86_64: build it for amd64");
	}
	return rd_eif_kernel_read(info->kernel_head, info->kernel_size, &init_size, err);
}
