/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's monitor protocol (QMP, "QEMU Machine Protocol Specification"): JSON objects, one a line.
 *
 *	QEMU  {"QMP": {...}}                 greeting
 *	we    qmp_capabilities               → {"return": {}}: commands are taken from here on
 *	we    {"execute": ..., "id": n}      → {"return": ..., "id": n} or {"error": {...}, "id": n}
 *	QEMU  {"event": ..., ...}            at any time
 *
 * The client sends a handful of commands and hears of a handful of events. A guest may have taken
 * QEMU over: lines are bounded, so are the answers that are waited for, and what is not understood
 * ends the connection.
 */
#ifndef RD_VMM_QMP_H
#define RD_VMM_QMP_H

#include "base/status.h"
#include "os/loop.h"

#include <stddef.h>

/* query-balloon's answer is below 100 bytes, the greeting below 300, the longest event below 500.
 */
#define RD_QMP_LINE_MAX 16384

enum rd_qmp_event {
	RD_QMP_READY,    /* capabilities are negotiated: commands may be sent */
	RD_QMP_SHUTDOWN, /* the guest has powered itself off; it stands still */
	RD_QMP_RESET,    /* the guest has begun anew */
	RD_QMP_DISK,     /* an error of the disk was given to the guest */
	RD_QMP_BALLOON,  /* the answer to rd_qmp_query_balloon */
	RD_QMP_CLOSED,   /* QEMU has closed it, or what it said was no QMP */
};

struct rd_qmp;

/* bytes: RD_QMP_BALLOON: what the guest has. by_guest: RD_QMP_SHUTDOWN, RD_QMP_RESET: its wish. */
struct rd_qmp_news {
	enum rd_qmp_event event;
	uint64_t bytes;
	bool by_guest;
};
typedef void rd_qmp_fn(void *ctx, const struct rd_qmp_news *news);

/*
 * Before isolation: jansson reads its hash seed from a file when it is first used. sock (connected
 * stream, non-blocking) is borrowed.
 */
enum rd_status rd_qmp_new(int sock, struct rd_qmp **ret) RD_MUST_USE;
void rd_qmp_free(struct rd_qmp **qmp);

enum rd_status rd_qmp_attach(struct rd_qmp *qmp, struct rd_loop *loop, rd_qmp_fn *fn, void *ctx)
	RD_MUST_USE;

/* RD_AGAIN before RD_QMP_READY; RD_CLOSED after RD_QMP_CLOSED, or when QEMU does not read. */
enum rd_status rd_qmp_powerdown(struct rd_qmp *qmp) RD_MUST_USE; /* the power button */
enum rd_status rd_qmp_reset(struct rd_qmp *qmp) RD_MUST_USE;
enum rd_status rd_qmp_continue(struct rd_qmp *qmp) RD_MUST_USE;
enum rd_status rd_qmp_quit(struct rd_qmp *qmp) RD_MUST_USE;
enum rd_status rd_qmp_balloon(struct rd_qmp *qmp, uint64_t guest_bytes) RD_MUST_USE;
enum rd_status rd_qmp_query_balloon(struct rd_qmp *qmp) RD_MUST_USE;

/*
 * One line, judged: for the client above and for tests. RD_OK with what it means (RD_NOTFOUND:
 * nothing that anybody waits for), RD_MALFORMED: no QMP. balloon_id: of the query-balloon that is
 * under way, 0: none.
 */
enum rd_status rd_qmp_read_line(
	const char *line, size_t len, uint64_t balloon_id, struct rd_qmp_news *ret) RD_MUST_USE;

#endif
