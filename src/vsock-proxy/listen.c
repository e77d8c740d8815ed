/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where enclaves' connections come from.
 *
 * In local mode any change below run/enclaves leads to a scan: directories that are ours and have
 * no socket of us yet get one, those that have gone are let go. A socket at which somebody else
 * listens is left alone; it is looked at again at the next scan.
 */
#include "vsock-proxy/listen.h"

#include "os/fd.h"
#include "os/msg.h"
#include "os/paths.h"

#include "log/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* nitro-cli-eif.md, section 5.1. */
#define PARENT_CID 3
/* What connects faster than we accept waits here. */
#define BACKLOG 4096
/* Connections taken in one turn, so that a flood does not stop those that are open. */
#define ACCEPTS_PER_TURN 64
/* Out of descriptors or memory: others may give some back meanwhile. */
#define PAUSE_MS 100

struct place {
	struct rd_listen *listen;
	char slot[RD_PROXY_SLOT_MAX + 1];
	int dir_fd; /* -1: no directory, AF_VSOCK */
	int fd;
	ino_t socket_ino;
	struct rd_watch *watch;
	struct rd_watch *pause;
};

struct rd_listen {
	struct rd_loop *loop;
	char name[sizeof("vsock.sock_4294967295")];
	char only[RD_PROXY_SLOT_MAX + 1];
	rd_listen_fn *fn;
	void *arg;
	int enclaves_fd;
	int inotify_fd;
	struct rd_watch *inotify_watch;
	struct place *places[RD_LISTEN_ENCLAVES_MAX];
	size_t count;
};

static void place_free(struct place *p)
{
	struct stat sb;

	rd_watch_free(&p->watch);
	rd_watch_free(&p->pause);
	rd_fd_close(&p->fd);
	/* Not if somebody has put another one there. */
	if (p->socket_ino != 0 &&
		fstatat(p->dir_fd, p->listen->name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		sb.st_ino == p->socket_ino) {
		(void)unlinkat(p->dir_fd, p->listen->name, 0);
	}
	rd_fd_close(&p->dir_fd);
	free(p);
}

static void on_pause_end(void *arg)
{
	struct place *p = arg;

	if (rd_watch_set(p->watch, RD_LOOP_READ) != RD_OK) {
		rd_log(RD_LOG_ERROR, "cannot listen any more: out of memory");
	}
}

static void on_connection(void *arg, unsigned events)
{
	struct place *p = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = -1;
		enum rd_status st = rd_msg_accept(p->fd, &fd);

		if (st == RD_AGAIN) {
			return;
		}
		if (st != RD_OK) {
			/* Should the timer fail, the socket stays watched. */
			if (rd_watch_arm(p->pause, PAUSE_MS) != RD_OK ||
				rd_watch_set(p->watch, 0) != RD_OK) {
				rd_log(RD_LOG_ERROR, "cannot pause listening");
			}
			return;
		}
		p->listen->fn(p->listen->arg, fd);
	}
}

/* Takes both descriptors, -1 for no directory. */
static enum rd_status place_add(
	struct rd_listen *l, const char *slot, int take_dir_fd, int take_fd, ino_t socket_ino)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		rd_fd_close(&take_dir_fd);
		rd_fd_close(&take_fd);
		return RD_NOMEM;
	}
	*p = (struct place){
		.listen = l, .dir_fd = take_dir_fd, .fd = take_fd, .socket_ino = socket_ino};
	snprintf(p->slot, sizeof(p->slot), "%s", slot);
	if (rd_loop_timer(l->loop, on_pause_end, p, &p->pause) != RD_OK ||
		rd_loop_watch_fd(l->loop, p->fd, RD_LOOP_READ, on_connection, p, &p->watch) !=
			RD_OK) {
		place_free(p);
		return RD_NOMEM;
	}
	l->places[l->count++] = p;
	return RD_OK;
}

/* --- instance mode --- */

/* RD_NOTFOUND: this host is not CID 3 of anything. */
static enum rd_status listen_vsock(struct rd_listen *l, uint32_t port, struct rd_error *err)
{
	struct sockaddr_vm addr = {.svm_family = AF_VSOCK, .svm_cid = PARENT_CID, .svm_port = port};
	int fd RD_CLEANUP(rd_fd_close) = socket(
		AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	RD_ENSURE(fd >= 0, RD_NOTFOUND);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		RD_ENSURE(errno != EADDRNOTAVAIL && errno != ENODEV, RD_NOTFOUND);
		return rd_fail_errno(err, errno, "cannot listen on vsock port %u", (unsigned)port);
	}
	if (listen(fd, BACKLOG) != 0) {
		return rd_fail_errno(err, errno, "cannot listen on vsock port %u", (unsigned)port);
	}
	return place_add(l, "", -1, rd_steal(&fd, -1), 0);
}

/* --- local mode --- */

static bool is_served(const struct rd_listen *l, const char *slot)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->places[i]->slot, slot) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_wanted(const struct rd_listen *l, const char *slot)
{
	return rd_proxy_is_slot(slot) && (l->only[0] == '\0' || strcmp(l->only, slot) == 0) &&
	       !is_served(l, slot);
}

/* An enclave of ours that has no socket of this name with somebody behind it. */
static enum rd_status serve_enclave(struct rd_listen *l, const char *slot)
{
	int dir_fd RD_CLEANUP(rd_fd_close) = -1;
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct stat sb;
	enum rd_status st;

	dir_fd = openat(l->enclaves_fd, slot, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	RD_ENSURE(dir_fd >= 0, RD_DENIED);
	RD_ENSURE(fstat(dir_fd, &sb) == 0 && sb.st_uid == geteuid(), RD_DENIED);
	st = rd_msg_connect_at(dir_fd, l->name, SOCK_STREAM, &fd);
	RD_ENSURE(st != RD_OK && st != RD_AGAIN, RD_EXISTS);
	RD_TRY(rd_msg_listen_at(dir_fd, l->name, SOCK_STREAM, 0600, &fd));
	/* The library's queue is for control sockets. */
	(void)listen(fd, BACKLOG);
	RD_ENSURE(fstatat(dir_fd, l->name, &sb, AT_SYMLINK_NOFOLLOW) == 0, RD_NOTFOUND);
	return place_add(l, slot, rd_steal(&dir_fd, -1), rd_steal(&fd, -1), sb.st_ino);
}

static void drop_ended(struct rd_listen *l)
{
	size_t i = 0;

	while (i < l->count) {
		struct stat sb;

		if (fstat(l->places[i]->dir_fd, &sb) == 0 && sb.st_nlink > 0) {
			i++;
			continue;
		}
		rd_log(RD_LOG_INFO, "enclave %s has ended", l->places[i]->slot);
		place_free(l->places[i]);
		l->places[i] = l->places[--l->count];
	}
}

static void try_enclave(struct rd_listen *l, const char *slot)
{
	enum rd_status st;

	if (!is_wanted(l, slot)) {
		return;
	}
	if (l->count == RD_LISTEN_ENCLAVES_MAX) {
		rd_log(RD_LOG_ERROR, "enclave %s is not served: %d are already", slot,
			RD_LISTEN_ENCLAVES_MAX);
		return;
	}
	st = serve_enclave(l, slot);
	if (st == RD_OK) {
		rd_log(RD_LOG_INFO, "enclave %s: listening on %s", slot, l->name);
	} else if (st != RD_DENIED) {
		/* Denied: another user's, or one whose owner is about to be set. */
		rd_log(RD_LOG_WARNING, "enclave %s is not served: %s: %s", slot, l->name,
			st == RD_EXISTS ? "another program listens there" : rd_status_text(st));
	}
}

static void scan(struct rd_listen *l)
{
	int copy = openat(l->enclaves_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	drop_ended(l);
	if (dir == NULL) {
		rd_fd_close(&copy);
		rd_log(RD_LOG_ERROR, "cannot list the enclaves: %s", strerror(errno));
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		try_enclave(l, entry->d_name);
	}
	closedir(dir);
}

static void on_change(void *arg, unsigned events)
{
	struct rd_listen *l = arg;
	/* What happened does not matter, only that something did. */
	_Alignas(struct inotify_event) char buf[4096];
	size_t len;

	(void)events;
	while (rd_fd_read(l->inotify_fd, buf, sizeof(buf), &len) == RD_OK && len > 0) {
	}
	scan(l);
}

static enum rd_status enclaves_path(char ret[RD_PATH_MAX], struct rd_error *err)
{
	struct rd_paths paths;

	RD_TRY(rd_paths_init(&paths, err));
	if (rd_paths_join(ret, paths.run, "enclaves", NULL) != RD_OK) {
		return rd_fail(err, RD_LIMIT, "the run directory's path is too long");
	}
	return RD_OK;
}

static enum rd_status open_enclaves(struct rd_listen *l, struct rd_error *err)
{
	char path[RD_PATH_MAX];

	RD_TRY(enclaves_path(path, err));
	/* As redoubtd makes it: it may start after us. */
	RD_TRY(rd_paths_make_dir(path, 0711, err));
	l->enclaves_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	l->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	/* A new directory may get its owner after its name. */
	if (l->enclaves_fd < 0 || l->inotify_fd < 0 ||
		inotify_add_watch(l->inotify_fd, path,
			IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB |
				IN_ONLYDIR) < 0) {
		return rd_fail_errno(err, errno, "cannot watch %s", path);
	}
	return RD_OK;
}

static enum rd_status listen_local(struct rd_listen *l, uint32_t port, struct rd_error *err)
{
	snprintf(l->name, sizeof(l->name), "vsock.sock_%u", (unsigned)port);
	RD_TRY(open_enclaves(l, err));
	if (rd_loop_watch_fd(l->loop, l->inotify_fd, RD_LOOP_READ, on_change, l,
		    &l->inotify_watch) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	scan(l);
	return RD_OK;
}

static enum rd_status choose(
	struct rd_listen *l, const struct rd_proxy_args *a, bool *ret_local, struct rd_error *err)
{
	char path[RD_PATH_MAX];
	bool local = a->source == RD_PROXY_LOCAL || a->slot[0] != '\0';
	enum rd_status st;

	if (!local && a->source == RD_PROXY_AUTO) {
		RD_TRY(enclaves_path(path, err));
		local = access(path, F_OK) == 0;
	}
	st = local ? RD_NOTFOUND : listen_vsock(l, a->local_port, err);
	*ret_local = st == RD_NOTFOUND;
	if (st == RD_NOTFOUND && a->source == RD_PROXY_VSOCK) {
		return rd_fail(
			err, st, "this machine is not CID %d: use --listen local", PARENT_CID);
	}
	return st == RD_NOTFOUND ? listen_local(l, a->local_port, err) : st;
}

enum rd_status rd_listen_open(struct rd_loop *loop, const struct rd_proxy_args *args,
	rd_listen_fn *fn, void *arg, struct rd_listen **ret, bool *ret_local, struct rd_error *err)
{
	struct rd_listen *l RD_CLEANUP(rd_listen_close) = calloc(1, sizeof(*l));

	if (l == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	l->loop = loop;
	l->fn = fn;
	l->arg = arg;
	l->enclaves_fd = -1;
	l->inotify_fd = -1;
	snprintf(l->only, sizeof(l->only), "%s", args->slot);
	RD_TRY(choose(l, args, ret_local, err));
	*ret = rd_steal(&l, NULL);
	return RD_OK;
}

void rd_listen_close(struct rd_listen **listen)
{
	struct rd_listen *l = *listen;

	if (l == NULL) {
		return;
	}
	while (l->count > 0) {
		place_free(l->places[--l->count]);
	}
	rd_watch_free(&l->inotify_watch);
	rd_fd_close(&l->inotify_fd);
	rd_fd_close(&l->enclaves_fd);
	free(l);
	*listen = NULL;
}
