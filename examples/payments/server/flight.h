/* SPDX-License-Identifier: Apache-2.0 */
/* Payments that this process has something under way for: none is worked on twice at a time. */
#ifndef PS_FLIGHT_H
#define PS_FLIGHT_H

#include "server/model.h"

/* Questions that wait or are open, and what the book has not got to yet. */
#define PS_FLIGHT_MAX 2048

struct ps_flight;

enum rd_status ps_flight_new(struct ps_flight **ret) RD_MUST_USE;
void ps_flight_free(struct ps_flight **flight);

/* RD_EXISTS: it is there already; RD_LIMIT. From any thread, as all of these. */
enum rd_status ps_flight_enter(struct ps_flight *flight, const char *payment) RD_MUST_USE;
void ps_flight_leave(struct ps_flight *flight, const char *payment);
bool ps_flight_has(struct ps_flight *flight, const char *payment);

#endif
