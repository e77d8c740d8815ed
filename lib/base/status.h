/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status codes: the one way in which a function of this project says how it went.
 *
 * A code is (category << 8) | detail. Callers branch on the category; tests, audit logs and exit
 * codes use the whole code. Codecs return a code and nothing else; functions that an operator's
 * action reaches also fill a struct rd_error (base/error.h).
 */
#ifndef RD_BASE_STATUS_H
#define RD_BASE_STATUS_H

#include <assert.h>

#define RD_MUST_USE __attribute__((warn_unused_result))
/* For room that is large and written before it is read: -ftrivial-auto-var-init leaves it alone. */
#define RD_UNINITIALIZED __attribute__((uninitialized))
#define RD_PRINTF(f, a)  __attribute__((format(printf, f, a)))

enum rd_category {
	RD_CAT_OK,
	RD_CAT_IO,          /* the operating system refused; errno is in rd_error */
	RD_CAT_AGAIN,       /* would block, or not yet: call again later */
	RD_CAT_CLOSED,      /* the other side has gone */
	RD_CAT_MALFORMED,   /* the bytes are not of the format */
	RD_CAT_FORBIDDEN,   /* well-formed, but a rule of ours or of the format forbids it */
	RD_CAT_UNSUPPORTED, /* valid, but not something that we do */
	RD_CAT_DENIED,      /* the caller may not */
	RD_CAT_LIMIT,       /* a named maximum is exceeded, or a resource is used up */
	RD_CAT_NOTFOUND,
	RD_CAT_EXISTS,
	RD_CAT_NOMEM,
	RD_CAT_USAGE,     /* the caller's arguments make no sense */
	RD_CAT_UNTRUSTED, /* a signature, chain, measurement or freshness check failed */
	RD_CAT_INTERNAL,  /* our own bug, or a library that failed without a reason */
	RD_CAT_COUNT
};

/* X(name, category, detail, "what it says of itself") */
#define RD_STATUS_LIST(X)                                                                          \
	X(RD_OK, RD_CAT_OK, 0, "ok")                                                               \
	X(RD_IO, RD_CAT_IO, 0, "input/output error")                                               \
	X(RD_AGAIN, RD_CAT_AGAIN, 0, "not ready yet")                                              \
	X(RD_TIMEOUT, RD_CAT_AGAIN, 1, "timed out")                                                \
	X(RD_CLOSED, RD_CAT_CLOSED, 0, "the other side closed the connection")                     \
	X(RD_UNAVAILABLE, RD_CAT_CLOSED, 1, "is away at present")                                  \
	X(RD_MALFORMED, RD_CAT_MALFORMED, 0, "malformed")                                          \
	X(RD_TRUNCATED, RD_CAT_MALFORMED, 1, "ends too early")                                     \
	X(RD_TRAILING, RD_CAT_MALFORMED, 2, "has bytes after its end")                             \
	X(RD_BAD_TYPE, RD_CAT_MALFORMED, 3, "has a value of the wrong type")                       \
	X(RD_BAD_NUMBER, RD_CAT_MALFORMED, 4, "is not a number in range")                          \
	X(RD_BAD_MAGIC, RD_CAT_MALFORMED, 5, "does not start with the format's magic")             \
	X(RD_BAD_CRC, RD_CAT_MALFORMED, 6, "has a wrong checksum")                                 \
	X(RD_MISSING, RD_CAT_MALFORMED, 7, "lacks a mandatory part")                               \
	X(RD_FORBIDDEN, RD_CAT_FORBIDDEN, 0, "forbidden")                                          \
	X(RD_DUPLICATE, RD_CAT_FORBIDDEN, 1, "has the same key or part twice")                     \
	X(RD_NONCANONICAL, RD_CAT_FORBIDDEN, 2, "is not in the required encoding")                 \
	X(RD_OVERLAP, RD_CAT_FORBIDDEN, 3, "has parts that overlap")                               \
	X(RD_OUT_OF_RANGE, RD_CAT_FORBIDDEN, 4, "has a value outside its range")                   \
	X(RD_BAD_PATH, RD_CAT_FORBIDDEN, 5, "has a path that leaves its root")                     \
	X(RD_UNSUPPORTED, RD_CAT_UNSUPPORTED, 0, "unsupported")                                    \
	X(RD_BAD_VERSION, RD_CAT_UNSUPPORTED, 1, "unsupported version")                            \
	X(RD_BAD_ARCH, RD_CAT_UNSUPPORTED, 2, "unsupported architecture")                          \
	X(RD_BAD_ALG, RD_CAT_UNSUPPORTED, 3, "unsupported algorithm")                              \
	X(RD_DENIED, RD_CAT_DENIED, 0, "permission denied")                                        \
	X(RD_LIMIT, RD_CAT_LIMIT, 0, "exceeds a limit")                                            \
	X(RD_NOSPACE, RD_CAT_LIMIT, 1, "no room left")                                             \
	X(RD_TOO_DEEP, RD_CAT_LIMIT, 2, "is nested too deeply")                                    \
	X(RD_NOTFOUND, RD_CAT_NOTFOUND, 0, "not found")                                            \
	X(RD_EXISTS, RD_CAT_EXISTS, 0, "exists already")                                           \
	X(RD_NOMEM, RD_CAT_NOMEM, 0, "out of memory")                                              \
	X(RD_USAGE, RD_CAT_USAGE, 0, "wrong usage")                                                \
	X(RD_UNTRUSTED, RD_CAT_UNTRUSTED, 0, "not trusted")                                        \
	X(RD_BAD_SIGNATURE, RD_CAT_UNTRUSTED, 1, "the signature does not verify")                  \
	X(RD_WRONG_KEY, RD_CAT_UNTRUSTED, 2, "the key is not of the required kind")                \
	X(RD_UNKNOWN_ROOT, RD_CAT_UNTRUSTED, 3, "does not chain to a trusted root")                \
	X(RD_BAD_CHAIN, RD_CAT_UNTRUSTED, 4, "the certificate chain breaks a rule")                \
	X(RD_NOT_YET_VALID, RD_CAT_UNTRUSTED, 5, "not valid yet")                                  \
	X(RD_EXPIRED, RD_CAT_UNTRUSTED, 6, "no longer valid")                                      \
	X(RD_UNKNOWN_CRITICAL, RD_CAT_UNTRUSTED, 7, "has a critical part that is unknown")         \
	X(RD_INTERNAL, RD_CAT_INTERNAL, 0, "internal error")

enum rd_status {
#define X(name, cat, detail, text) name = ((int)(cat) << 8) | (detail),
	RD_STATUS_LIST(X)
#undef X
};

static inline enum rd_category rd_category(enum rd_status st)
{
	return (enum rd_category)((unsigned)st >> 8);
}

/* The code's own name ("RD_BAD_CRC") and its sentence fragment; never NULL. */
const char *rd_status_name(enum rd_status st);
const char *rd_status_text(enum rd_status st);

/* The status that an errno value stands for; errno 0 gives RD_INTERNAL. */
enum rd_status rd_status_of_errno(int os_errno);

/* The same, and compilers and analyzers know that it is never RD_OK. */
static inline enum rd_status rd_status_from_errno(int os_errno)
{
	enum rd_status st = rd_status_of_errno(os_errno);

	assert(st != RD_OK);
	return st;
}

/* Control flow: these three and no others. */
#define RD_TRY(expr)                                                                               \
	do {                                                                                       \
		enum rd_status rd_try_st_ = (expr);                                                \
		if (rd_try_st_ != RD_OK) {                                                         \
			return rd_try_st_;                                                         \
		}                                                                                  \
	} while (0)

#define RD_ENSURE(cond, status)                                                                    \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			return (status);                                                           \
		}                                                                                  \
	} while (0)

#define RD_CLEANUP(fn) __attribute__((cleanup(fn)))

/* Takes the value out of an owning variable and disarms it: return rd_steal(&buf, NULL). */
#define rd_steal(ptr, empty)                                                                       \
	__extension__({                                                                            \
		__typeof__(*(ptr)) rd_stolen_ = *(ptr);                                            \
		*(ptr) = (empty);                                                                  \
		rd_stolen_;                                                                        \
	})

#define RD_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
