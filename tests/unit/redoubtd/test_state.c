/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon keeps on disk: records of ended enclaves, identity, keys. */
#include "place.h"

#include "ctl/ring.h"
#include "log/log.h"
#include "os/fd.h"
#include "redoubtd/ended.h"
#include "redoubtd/identity.h"
#include "redoubtd/pki.h"

#include <sys/stat.h>

#define NOW 1900000000

static struct place place;
static int published; /* for root.pem: the state directory above pki */
static struct rd_error err;

static int make_place(void **state)
{
	(void)state;
	place_make(&place);
	published = -1;
	err = (struct rd_error){0};
	return 0;
}

static int remove_place(void **state)
{
	(void)state;
	rd_fd_close(&published);
	place_remove(&place);
	return 0;
}

static bool exists(const char *name)
{
	return faccessat(place.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct rd_ended_record record(uint64_t slot)
{
	struct rd_ended_record r = {.slot_uid = slot};

	strcpy(r.enclave.name, "app");
	snprintf(r.enclave.enclave_id, sizeof(r.enclave.enclave_id), "i-0-enc%llx",
		(unsigned long long)slot);
	r.enclave.cid = slot;
	r.enclave.cpu_ids = (struct rd_ctl_u64s){.count = 1, .items = {1}};
	r.enclave.memory_mib = 64;
	r.enclave.state = RD_CTL_STATE_ENDED;
	r.enclave.ended_ms = slot * 10;
	r.enclave.cause = RD_CTL_CAUSE_EXITED;
	strcpy(r.enclave.text, "bye");
	return r;
}

static struct rd_ended ended;

static void ended_records_survive_and_are_bounded(void **state)
{
	(void)state;
	assert_ok(rd_ended_load(&ended, place.fd, &err));
	assert_int_equal(ended.count, 0);
	for (uint64_t slot = 1; slot <= RD_ENDED_MAX + 5; slot++) {
		struct rd_ended_record r = record(slot);

		assert_ok(rd_ended_add(&ended, &r, -1, &err));
	}
	assert_int_equal(ended.count, RD_ENDED_MAX);
	assert_null(rd_ended_find(&ended, 5, "", "i-0"));
	assert_false(exists("5"));
	assert_ok(rd_ended_load(&ended, place.fd, &err));
	assert_int_equal(ended.count, RD_ENDED_MAX);
	assert_int_equal(ended.records[0].slot_uid, 6);
	assert_int_equal(rd_ended_find(&ended, 0, "app", "i-0")->slot_uid, RD_ENDED_MAX + 5);
	assert_string_equal(rd_ended_find(&ended, 6, "", "i-0")->enclave.text, "bye");
	assert_null(rd_ended_find(&ended, 0, "other", "i-0"));
	/* Another parent's enclaves are not to be found, by name or by slot. */
	assert_null(rd_ended_find(&ended, 0, "app", "i-1"));
	assert_null(rd_ended_find(&ended, 6, "", "i-"));
}

static void what_is_no_record_is_removed(void **state)
{
	(void)state;
	assert_ok(rd_file_replace(place.fd, "7", rd_view_str("junk"), 0600, &err));
	assert_ok(rd_ended_load(&ended, place.fd, &err));
	assert_int_equal(ended.count, 0);
	assert_false(exists("7"));
}

static void consoles_are_kept_with_their_record(void **state)
{
	static uint8_t ring[RD_RING_SIZE];
	struct rd_ended_record r = record(9);
	struct rd_view parts[2];
	uint64_t written = 0;
	int memfd = -1;
	int fd = -1;

	(void)state;
	assert_ok(rd_ended_load(&ended, place.fd, &err));
	rd_ring_format(ring);
	rd_ring_write(ring, rd_view_str("last words"));
	assert_ok(rd_fd_memfd("ring", RD_RING_SIZE, &memfd));
	assert_ok(rd_fd_pwrite_full(memfd, rd_view(ring, sizeof(ring)), 0));
	assert_ok(rd_ended_add(&ended, &r, memfd, &err));
	rd_fd_close(&memfd);
	assert_status(rd_ended_console(&ended, 8, &fd), RD_NOTFOUND);
	assert_ok(rd_ended_console(&ended, 9, &fd));
	memset(ring, 0, sizeof(ring));
	assert_ok(rd_fd_pread_full(fd, ring, sizeof(ring), 0));
	assert_ok(rd_ring_read(rd_view(ring, sizeof(ring)), parts, &written));
	assert_true(rd_view_equal(parts[0], rd_view_str("last words")));
	rd_fd_close(&fd);
}

static void identity_is_made_once(void **state)
{
	char first[RD_INSTANCE_ID_MAX + 1];
	char second[RD_INSTANCE_ID_MAX + 1];

	(void)state;
	assert_ok(rd_identity_load(place.fd, first, &err));
	assert_true(rd_instance_id_valid(first));
	assert_ok(rd_identity_load(place.fd, second, &err));
	assert_string_equal(first, second);
	assert_ok(rd_file_replace(place.fd, "instance_id", rd_view_str("nonsense"), 0644, &err));
	assert_status(rd_identity_load(place.fd, second, &err), RD_MALFORMED);
}

static struct rd_pki_store store;
static const char instance[] = "i-0123456789abcdef0";
static const char module_id[] = "i-0123456789abcdef0-enc0123456789abcdef";

static enum rd_status open_store(int64_t now_s)
{
	if (published < 0) {
		assert_ok(rd_dir_make(place.fd, "state", 0755, &published, &err));
	}
	return rd_pki_store_open(&store, place.fd, published, "local-1", instance, now_s, &err);
}

/* The fingerprint of a level's certificate. */
static void fingerprint(enum rd_pki_level level, uint8_t ret[RD_SHA256_SIZE])
{
	memcpy(ret, rd_cert_info(store.levels[level].cert)->fingerprint, RD_SHA256_SIZE);
}

static void assert_level(enum rd_pki_level level, const uint8_t *before, bool same)
{
	uint8_t now[RD_SHA256_SIZE];

	fingerprint(level, now);
	assert_int_equal(memcmp(now, before, sizeof(now)) == 0, same);
}

static void keys_are_made_once_and_found_again(void **state)
{
	uint8_t before[RD_PKI_LEAF][RD_SHA256_SIZE];
	struct stat st;

	(void)state;
	assert_ok(open_store(NOW));
	for (int i = 0; i < RD_PKI_LEAF; i++) {
		fingerprint((enum rd_pki_level)i, before[i]);
	}
	rd_pki_store_close(&store);
	assert_ok(open_store(NOW + 60));
	for (int i = 0; i < RD_PKI_LEAF; i++) {
		assert_level((enum rd_pki_level)i, before[i], true);
	}
	rd_pki_store_close(&store);
	assert_int_equal(fstatat(place.fd, "instance.pem", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fstatat(published, "root.pem", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
}

static void due_levels_are_made_anew_below_the_same_root(void **state)
{
	uint8_t root[RD_SHA256_SIZE];
	uint8_t regional[RD_SHA256_SIZE];
	uint8_t inst[RD_SHA256_SIZE];

	(void)state;
	assert_ok(open_store(NOW));
	fingerprint(RD_PKI_ROOT, root);
	fingerprint(RD_PKI_REGIONAL, regional);
	fingerprint(RD_PKI_INSTANCE, inst);
	rd_pki_store_close(&store);
	assert_ok(open_store(NOW + 13 * 3600));
	assert_level(RD_PKI_ROOT, root, true);
	assert_level(RD_PKI_REGIONAL, regional, true);
	assert_level(RD_PKI_INSTANCE, inst, false);
	rd_pki_store_close(&store);
}

static void damage_below_the_root_mends_itself(void **state)
{
	uint8_t root[RD_SHA256_SIZE];

	(void)state;
	assert_ok(open_store(NOW));
	fingerprint(RD_PKI_ROOT, root);
	rd_pki_store_close(&store);
	assert_ok(rd_file_replace(place.fd, "zonal.pem", rd_view_str("half a fi"), 0600, &err));
	assert_ok(open_store(NOW));
	assert_level(RD_PKI_ROOT, root, true);
	rd_pki_store_close(&store);
}

static void damage_of_the_root_is_refused(void **state)
{
	(void)state;
	assert_ok(rd_file_replace(place.fd, "root.pem", rd_view_str("half a fi"), 0600, &err));
	assert_status(open_store(NOW), RD_MALFORMED);
	assert_non_null(strstr(err.text, "root of trust"));
}

static void leaves_are_for_any_public_key_and_no_other_instance(void **state)
{
	struct rd_ec_key *key RD_CLEANUP(rd_ec_key_free) = NULL;
	struct rd_cert *cert RD_CLEANUP(rd_cert_free) = NULL;
	struct rd_buf spki RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_SPKI_MAX);
	struct rd_buf der RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_CERTIFICATE_MAX);
	struct rd_ctl_views bundle = {0};

	(void)state;
	assert_ok(open_store(NOW));
	assert_ok(rd_ec_key_generate(RD_P384, &key));
	assert_ok(rd_ec_key_to_spki(key, &spki));
	assert_ok(rd_pki_store_leaf(
		&store, NULL, rd_buf_view(&spki), module_id, NOW, &der, &bundle, &err));
	assert_int_equal(bundle.count, 4);
	assert_ok(rd_cert_from_der(rd_buf_view(&der), &cert));
	assert_true(rd_ec_key_same(rd_cert_key(cert), key));
	assert_ok(rd_cert_verify(cert, rd_cert_key(store.levels[RD_PKI_INSTANCE].cert)));
	assert_int_not_equal(rd_pki_store_leaf(&store, NULL, rd_view_str("no key"), module_id, NOW,
				     &der, &bundle, &err),
		RD_OK);
	rd_pki_store_close(&store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)
	const struct CMUnitTest tests[] = {
		TEST(ended_records_survive_and_are_bounded),
		TEST(what_is_no_record_is_removed),
		TEST(consoles_are_kept_with_their_record),
		TEST(identity_is_made_once),
		TEST(keys_are_made_once_and_found_again),
		TEST(due_levels_are_made_anew_below_the_same_root),
		TEST(damage_below_the_root_mends_itself),
		TEST(damage_of_the_root_is_refused),
		TEST(leaves_are_for_any_public_key_and_no_other_instance),
	};

	rd_log_set_level("error", RD_LOG_INFO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
