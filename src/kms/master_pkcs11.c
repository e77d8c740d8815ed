/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key in a PKCS#11 token (RFC 7512 names it): an HSM, a smart card, SoftHSM.
 *
 *	new     URI read, module loaded
 *	open    C_Initialize → token → session → login → key; nothing of a former time is believed
 *	close   logout and C_Finalize: the token may go, and come back in another slot
 *
 * p11-kit reads URIs, loads modules and counts who has initialised them. The PIN is read from its
 * file each time, and wiped.
 */
#include "kms/pkcs11-internal.h"

#include <stdlib.h>
#include <string.h>

#define PIN_MAX   256
#define SLOTS_MAX 256
/* Of the URI, and the class. */
#define ATTRIBUTES_MAX 8

struct pkcs11 {
	struct kms_master master;
	char *text;
	P11KitUri *uri;
	const char *pin_path; /* points into uri */
	struct kms_token token;
	bool initialized;
};

static void pkcs11_free(struct kms_master *master)
{
	struct pkcs11 *p = (struct pkcs11 *)master;

	if (p->token.module != NULL) {
		p11_kit_module_release(p->token.module);
	}
	if (p->uri != NULL) {
		p11_kit_uri_free(p->uri);
	}
	free(p->text);
	free(p);
}

/* "file:/path", or "file:///path" as a URI proper. */
static const char *path_of(const char *pin_source)
{
	if (pin_source == NULL || strncmp(pin_source, "file:", 5) != 0) {
		return NULL;
	}
	pin_source += 5;
	if (strncmp(pin_source, "//", 2) == 0) {
		pin_source += 2;
	}
	return pin_source[0] == '/' ? pin_source : NULL;
}

/* The text is not repeated before it is known to hold no PIN. */
static enum rd_status check_uri(struct pkcs11 *p, struct rd_error *err)
{
	if (p11_kit_uri_get_pin_value(p->uri) != NULL) {
		return rd_fail(err, RD_FORBIDDEN,
			"the master's PKCS#11 URI has a PIN in it: write the PIN into a file, chmod "
			"600, and name that with pin-source=file:/PATH");
	}
	if (p11_kit_uri_any_unrecognized(p->uri)) {
		return rd_fail(err, RD_UNSUPPORTED,
			"master '%s' has an attribute that we do not know: take it out", p->text);
	}
	if (p11_kit_uri_get_module_path(p->uri) == NULL ||
		p11_kit_uri_get_module_path(p->uri)[0] != '/') {
		return rd_fail(err, RD_USAGE,
			"master '%s' names no module: add ?module-path=/PATH/TO/MODULE.so",
			p->text);
	}
	if (p11_kit_uri_get_attribute(p->uri, CKA_LABEL) == NULL &&
		p11_kit_uri_get_attribute(p->uri, CKA_ID) == NULL) {
		return rd_fail(
			err, RD_USAGE, "master '%s' names no key: add object= or id=", p->text);
	}
	p->pin_path = path_of(p11_kit_uri_get_pin_source(p->uri));
	if (p->pin_path == NULL) {
		return rd_fail(err, RD_USAGE, "master '%s' names no PIN: add pin-source=file:/PATH",
			p->text);
	}
	return RD_OK;
}

static enum rd_status load_module(struct pkcs11 *p, struct rd_error *err)
{
	const char *path = p11_kit_uri_get_module_path(p->uri);
	const char *why;

	p11_kit_be_quiet();
	p->token.module = p11_kit_module_load(path, P11_KIT_MODULE_CRITICAL);
	if (p->token.module == NULL) {
		why = p11_kit_message();
		return rd_fail(err, RD_NOTFOUND,
			"cannot load PKCS#11 module %s: %s: install it, or name another", path,
			why == NULL ? "no reason given" : why);
	}
	return RD_OK;
}

static enum rd_status init(struct pkcs11 *p, const char *text, struct rd_error *err)
{
	int rc;

	p->text = strdup(text);
	p->uri = p11_kit_uri_new();
	RD_ENSURE(p->text != NULL && p->uri != NULL,
		rd_fail(err, RD_NOMEM, "no memory for the master"));
	p->token.name = p->text;
	rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_OBJECT_ON_TOKEN_AND_MODULE, p->uri);
	if (rc != P11_KIT_URI_OK) {
		return rd_fail(err, RD_USAGE,
			"the master's PKCS#11 URI cannot be read (%s): see RFC 7512",
			p11_kit_uri_message(rc));
	}
	RD_TRY(check_uri(p, err));
	return load_module(p, err);
}

static enum rd_status pkcs11_parse(const char *text, struct kms_master **ret, struct rd_error *err)
{
	struct pkcs11 *p = calloc(1, sizeof(*p));
	enum rd_status st;

	RD_ENSURE(p != NULL, rd_fail(err, RD_NOMEM, "no memory for the master"));
	p->master.ops = &kms_master_pkcs11;
	st = init(p, text, err);
	if (st != RD_OK) {
		pkcs11_free(&p->master);
		return st;
	}
	*ret = &p->master;
	return RD_OK;
}

static void pkcs11_close(struct kms_master *master)
{
	struct pkcs11 *p = (struct pkcs11 *)master;

	if (p->token.session_open) {
		(void)p->token.module->C_Logout(p->token.session);
		(void)p->token.module->C_CloseSession(p->token.session);
		p->token.session_open = false;
	}
	p->token.key = CK_INVALID_HANDLE;
	if (p->initialized) {
		(void)p11_kit_module_finalize(p->token.module);
		p->initialized = false;
	}
}

static enum rd_status find_slot(struct pkcs11 *p, struct rd_error *err)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG n = SLOTS_MAX;
	CK_TOKEN_INFO info;
	unsigned found = 0;
	CK_RV rv = p->token.module->C_GetSlotList(CK_TRUE, slots, &n);

	for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++) {
		if (p->token.module->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
			p11_kit_uri_match_token_info(p->uri, &info) == 1) {
			p->token.slot = slots[i];
			found++;
		}
	}
	if (found == 0) {
		return rd_fail(err, RD_UNAVAILABLE,
			"%s: there is no such token: plug it in, or see whether the module finds it",
			p->text);
	}
	if (found > 1) {
		return rd_fail(err, RD_DUPLICATE,
			"%s: %u tokens are so called: add serial= to the URI", p->text, found);
	}
	return RD_OK;
}

static bool is_pin_refused(CK_RV rv)
{
	return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE ||
	       rv == CKR_PIN_EXPIRED || rv == CKR_PIN_LOCKED || rv == CKR_USER_PIN_NOT_INITIALIZED;
}

static enum rd_status login(struct pkcs11 *p, struct rd_error *err)
{
	struct rd_secret pin RD_CLEANUP(rd_secret_finish) = {0};
	CK_RV rv;

	RD_TRY(kms_master_read_line(p->pin_path, PIN_MAX, &pin, err));
	rv = p->token.module->C_Login(p->token.session, CKU_USER, pin.ptr, pin.len);
	p->master.refused = is_pin_refused(rv);
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
		return RD_OK;
	}
	if (p->master.refused) {
		return rd_fail(err, RD_DENIED,
			"%s: the token refuses the PIN in %s (%s): correct it; it is not tried "
			"again by itself",
			p->text, p->pin_path, p11_kit_strerror(rv));
	}
	return kms_token_failed(&p->token, rv, RD_IO, "cannot log in", err);
}

static enum rd_status open_session(struct pkcs11 *p, CK_FLAGS flags, struct rd_error *err)
{
	CK_RV rv = p11_kit_module_initialize(p->token.module);

	if (rv != CKR_OK) {
		return rd_fail(err, RD_UNAVAILABLE,
			"%s: the PKCS#11 module does not start (%s): see its own configuration",
			p->text, p11_kit_strerror(rv));
	}
	p->initialized = true;
	RD_TRY(find_slot(p, err));
	rv = p->token.module->C_OpenSession(
		p->token.slot, CKF_SERIAL_SESSION | flags, NULL, NULL, &p->token.session);
	if (rv != CKR_OK) {
		return kms_token_failed(&p->token, rv, RD_IO, "cannot open a session", err);
	}
	p->token.session_open = true;
	return login(p, err);
}

/* RD_NOTFOUND without a word: making a key wants that. */
static enum rd_status find_key(struct pkcs11 *p, struct rd_error *err)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_ATTRIBUTE wanted[ATTRIBUTES_MAX] = {{CKA_CLASS, &class, sizeof(class)}};
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n_named = 0;
	CK_ULONG n = 0;
	const CK_ATTRIBUTE *named = p11_kit_uri_get_attributes(p->uri, &n_named);
	CK_ULONG n_wanted = 1;
	CK_RV rv;

	for (CK_ULONG i = 0; i < n_named && n_wanted < ATTRIBUTES_MAX; i++) {
		if (named[i].type != CKA_CLASS) {
			wanted[n_wanted++] = named[i];
		}
	}
	rv = p->token.module->C_FindObjectsInit(p->token.session, wanted, n_wanted);
	if (rv == CKR_OK) {
		rv = p->token.module->C_FindObjects(
			p->token.session, found, RD_ARRAY_LEN(found), &n);
		(void)p->token.module->C_FindObjectsFinal(p->token.session);
	}
	if (rv != CKR_OK) {
		return kms_token_failed(&p->token, rv, RD_IO, "cannot look for the key", err);
	}
	RD_ENSURE(n > 0, RD_NOTFOUND);
	if (n > 1) {
		return rd_fail(err, RD_DUPLICATE,
			"%s: several keys are so called: add id= to the URI", p->text);
	}
	p->token.key = found[0];
	return RD_OK;
}

static enum rd_status open_key(struct pkcs11 *p, struct rd_error *err)
{
	enum rd_status st;

	RD_TRY(open_session(p, 0, err));
	st = find_key(p, err);
	if (st == RD_NOTFOUND) {
		return rd_fail(err, st,
			"%s: the token has no such secret key: make it with redoubt-kms "
			"--make-master URI",
			p->text);
	}
	RD_TRY(st);
	return kms_token_check_key(&p->token, err);
}

static enum rd_status pkcs11_open(struct kms_master *master, struct rd_error *err)
{
	struct pkcs11 *p = (struct pkcs11 *)master;
	enum rd_status st = open_key(p, err);

	if (st != RD_OK) {
		pkcs11_close(master);
	}
	return st;
}

static enum rd_status make_key(struct pkcs11 *p, struct rd_error *err)
{
	CK_ULONG n_named = 0;
	const CK_ATTRIBUTE *named = p11_kit_uri_get_attributes(p->uri, &n_named);
	enum rd_status st;

	RD_TRY(open_session(p, CKF_RW_SESSION, err));
	st = find_key(p, err);
	if (st == RD_OK || st == RD_DUPLICATE) {
		return rd_fail(err, RD_EXISTS,
			"%s: the token has such a key already, and it is left as it is: name "
			"another",
			p->text);
	}
	RD_ENSURE(st == RD_NOTFOUND, st);
	return kms_token_make_key(&p->token, named, n_named, err);
}

static enum rd_status pkcs11_make(struct kms_master *master, struct rd_error *err)
{
	enum rd_status st = make_key((struct pkcs11 *)master, err);

	pkcs11_close(master);
	return st;
}

static enum rd_status pkcs11_wrap(struct kms_master *master, struct rd_view aad,
	struct rd_view root, struct rd_buf *out, struct rd_error *err)
{
	return kms_token_wrap(&((struct pkcs11 *)master)->token, aad, root, out, err);
}

static enum rd_status pkcs11_unwrap(struct kms_master *master, struct rd_view aad,
	struct rd_view wrapped, struct rd_secret *ret, struct rd_error *err)
{
	return kms_token_unwrap(&((struct pkcs11 *)master)->token, aad, wrapped, ret, err);
}

const struct kms_master_ops kms_master_pkcs11 = {
	.scheme = "pkcs11:",
	.parse = pkcs11_parse,
	.make = pkcs11_make,
	.open = pkcs11_open,
	.close = pkcs11_close,
	.wrap = pkcs11_wrap,
	.unwrap = pkcs11_unwrap,
	.free = pkcs11_free,
};
