/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections from nitro-cli: one request each, any number of answers, then the end.
 *
 * Nobody waits for a client: answers are queued up to a limit, an idle or slow client is
 * disconnected, and there are only so many of them.
 */
#ifndef RD_REDOUBTD_CLIENTS_H
#define RD_REDOUBTD_CLIENTS_H

#include "os/msg.h"
#include "redoubtd/daemon.h"

/* One user may have many commands running, and all of them still leave room for somebody else. */
#define RD_CLIENTS_MAX     512
#define RD_CLIENTS_PER_UID 256
/* Its vmm has a limit of its own below this one. */
#define RD_CLIENTS_PER_PARENT 16
/* A command sends its request at once. */
#define RD_CLIENT_IDLE_MS 10000
/* A reader that takes nothing for so long has stopped. */
#define RD_CLIENT_SEND_MS 30000
/* Answers not taken yet: everything that DESCRIBE can say of all enclaves and ended records. */
#define RD_CLIENT_QUEUE_MAX (RD_ENCLAVES_MAX + RD_INSTANCES_MAX + RD_ENDED_MAX + 8)

struct rd_ingest;

struct rd_answer {
	struct rd_answer *next;
	int fd; /* owned, or -1 */
	size_t len;
	uint8_t bytes[];
};

struct rd_client {
	struct rd_client *next;
	struct rd_daemon *daemon;
	struct rd_domain *domain; /* whose enclaves it may ask about; not NULL */
	struct rd_msg_peer peer;
	int sock;
	struct rd_watch *watch;
	struct rd_watch *timer;
	struct rd_answer *first;
	struct rd_answer **last;
	size_t queued;
	bool asked;                      /* its request has come */
	bool closing;                    /* nothing follows what is queued */
	bool broken;                     /* an answer could not be queued: close without more */
	struct rd_ingest *ingest;        /* RUN, before the launch */
	struct rd_enclave *running;      /* RUN, after it */
	uint64_t waits[RD_ENCLAVES_MAX]; /* TERMINATE: slots of enclaves that are to end */
	size_t wait_count;
	struct rd_instance *starting;  /* INSTANCE_RUN, until its vmm has been started */
	bool watching;                 /* INSTANCE_WATCH */
	struct rd_instance *reserving; /* RESERVE, until it is answered */
};

enum rd_status rd_clients_open(struct rd_daemon *d, struct rd_error *err) RD_MUST_USE;
void rd_clients_close(struct rd_daemon *d);

/*
 * A command from inside a parent, for which its vmm speaks on sock (taken over): a client that sees
 * this domain and no other, and may do there what it likes. RD_LIMIT: there are too many.
 */
enum rd_status rd_clients_add_parent(struct rd_domain *domain, struct rd_daemon *d, int take_sock)
	RD_MUST_USE;

/* Its parent is going: whatever it has asked for is forgotten. */
void rd_clients_drop_domain(struct rd_daemon *d, const struct rd_domain *domain);

/* Owner, root, or the daemon's own user. */
bool rd_client_may(const struct rd_client *c, uint64_t owner_uid);

/* Queues an answer; takes fd (-1: none). */
void rd_client_send(struct rd_client *c, const struct rd_ctl_message *m, int fd);
/* The last answers. */
void rd_client_done(struct rd_client *c);
void rd_client_error(struct rd_client *c, enum rd_ctl_code code, const char *text);

/* Tell those who wait for it: the vmm has answered, the heartbeat came, it is gone. */
void rd_clients_started(struct rd_enclave *e);
/* Once it runs and has all of its memory. */
void rd_clients_running(struct rd_enclave *e);
void rd_clients_gone(struct rd_enclave *e);

#endif
