/* SPDX-License-Identifier: Apache-2.0 */
/* A set of payment ids: open addressing, since ids are random already. */
#include "server/flight.h"

#include "base/byteorder.h"

#include <pthread.h>
#include <stdlib.h>

/* A power of two, half of it empty at most. */
#define SLOTS (2 * PS_FLIGHT_MAX)

struct ps_flight {
	pthread_mutex_t lock;
	size_t n;
	char ids[SLOTS][PS_ID_SIZE]; /* "" is free */
};

enum rd_status ps_flight_new(struct ps_flight **ret)
{
	struct ps_flight *flight = calloc(1, sizeof(*flight));

	RD_ENSURE(flight != NULL, RD_NOMEM);
	pthread_mutex_init(&flight->lock, NULL);
	*ret = flight;
	return RD_OK;
}

void ps_flight_free(struct ps_flight **flight)
{
	if (*flight != NULL) {
		pthread_mutex_destroy(&(*flight)->lock);
		free(*flight);
		*flight = NULL;
	}
}

/* Behind "pay_" every letter is random: 47 bits. */
static size_t home(const char *payment)
{
	return rd_get_le64(payment + 4) * UINT64_C(0x9e3779b97f4a7c15) >> 52 & (SLOTS - 1);
}

/* Where it is, or where it would be. */
static size_t find(const struct ps_flight *flight, const char *payment)
{
	size_t i = home(payment);

	while (flight->ids[i][0] != '\0' && strcmp(flight->ids[i], payment) != 0) {
		i = (i + 1) & (SLOTS - 1);
	}
	return i;
}

enum rd_status ps_flight_enter(struct ps_flight *flight, const char *payment)
{
	enum rd_status st = RD_OK;
	size_t i;

	pthread_mutex_lock(&flight->lock);
	i = find(flight, payment);
	if (flight->ids[i][0] != '\0') {
		st = RD_EXISTS;
	} else if (flight->n == PS_FLIGHT_MAX) {
		st = RD_LIMIT;
	} else {
		memcpy(flight->ids[i], payment, strlen(payment) + 1);
		flight->n++;
	}
	pthread_mutex_unlock(&flight->lock);
	return st;
}

/* Those behind it move up, so that no search ends at the gap. */
static void close_gap(struct ps_flight *flight, size_t gap)
{
	for (size_t i = (gap + 1) & (SLOTS - 1); flight->ids[i][0] != '\0';
		i = (i + 1) & (SLOTS - 1)) {
		size_t wanted = home(flight->ids[i]);

		if (((i - wanted) & (SLOTS - 1)) >= ((i - gap) & (SLOTS - 1))) {
			memcpy(flight->ids[gap], flight->ids[i], PS_ID_SIZE);
			flight->ids[i][0] = '\0';
			gap = i;
		}
	}
}

void ps_flight_leave(struct ps_flight *flight, const char *payment)
{
	size_t i;

	pthread_mutex_lock(&flight->lock);
	i = find(flight, payment);
	if (flight->ids[i][0] != '\0') {
		flight->ids[i][0] = '\0';
		flight->n--;
		close_gap(flight, i);
	}
	pthread_mutex_unlock(&flight->lock);
}

bool ps_flight_has(struct ps_flight *flight, const char *payment)
{
	bool has;

	pthread_mutex_lock(&flight->lock);
	has = flight->ids[find(flight, payment)][0] != '\0';
	pthread_mutex_unlock(&flight->lock);
	return has;
}
