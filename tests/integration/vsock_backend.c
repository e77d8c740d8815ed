/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/virtio, lib/vsock and lib/vhost against a real QEMU and a real Linux guest.
 *
 *	vsock-backend <guest init>
 *
 * The kernel and its modules come from a blobs directory, $NITRO_CLI_BLOBS (bzImage,
 *modules/NN-name.ko). Without one, or without QEMU, the test is skipped (exit 77).
 */
#include "vsock_services.h"

#include "base/byteorder.h"
#include "vhost/user.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define GUEST_CID  16u
#define TIMEOUT_MS 180000u
#define MEMORY     "256M"

struct backend {
	struct rd_vhost_session *session;
	struct services services; /* the device's ctx */
	int kicks[2];
	uint8_t *maps[RD_GUEST_MEM_REGIONS_MAX];
	size_t map_sizes[RD_GUEST_MEM_REGIONS_MAX];
	unsigned map_count;
};

static struct backend backend = {.kicks = {-1, -1}};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static void die(const char *what)
{
	fprintf(stderr, "vsock-backend: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(77);
}

/* --- vhost -------------------------------------------------------------------------------------
 */

static enum rd_status on_map(
	void *ctx, const struct rd_vhost_region *region, int fd, uint8_t **ret_hva)
{
	struct backend *b = ctx;
	size_t size = (size_t)(region->fd_offset + region->size);
	uint8_t *p;

	RD_ENSURE(b->map_count < RD_GUEST_MEM_REGIONS_MAX, RD_LIMIT);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	RD_ENSURE(p != MAP_FAILED, RD_IO);
	b->maps[b->map_count] = p;
	b->map_sizes[b->map_count++] = size;
	*ret_hva = p + region->fd_offset;
	return RD_OK;
}

static void on_queue_started(void *ctx, unsigned index, int kick_fd)
{
	struct backend *b = ctx;

	b->kicks[index] = kick_fd;
	rd_vsock_run(b->services.dev);
}

static void on_queue_stopped(void *ctx, unsigned index)
{
	struct backend *b = ctx;

	b->kicks[index] = -1;
	rd_vsock_device_reset(b->services.dev);
}

static const struct rd_vhost_ops vhost_ops = {
	.map = on_map,
	.queue_started = on_queue_started,
	.queue_stopped = on_queue_stopped,
};

void services_notify(void *ctx, unsigned queue);
void services_notify(void *ctx, unsigned queue)
{
	(void)ctx;
	rd_vhost_notify(backend.session, queue);
}

/* --- the guest's files -------------------------------------------------------------------------
 */

static void cpio_entry(FILE *out, const char *name, unsigned mode, const void *data, size_t size)
{
	static unsigned ino = 1;
	static const char zeros[4];
	size_t head = 110 + strlen(name) + 1;

	fprintf(out, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", ino++, mode, 0,
		0, 1, 0, size, 0, 0, 0, 0, strlen(name) + 1, 0);
	fwrite(name, 1, strlen(name) + 1, out);
	fwrite(zeros, 1, (4 - head % 4) % 4, out);
	fwrite(data, 1, size, out);
	fwrite(zeros, 1, (4 - size % 4) % 4, out);
}

static void cpio_file(FILE *out, const char *name, const char *path)
{
	struct stat st;
	void *p;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) {
		die(path);
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED) {
		die(path);
	}
	cpio_entry(out, name, S_IFREG | 0755, p, (size_t)st.st_size);
	munmap(p, (size_t)st.st_size);
	close(fd);
}

static void write_initrd(const char *path, const char *init, const char *blobs)
{
	char modules[1024];
	struct dirent **names;
	FILE *out = fopen(path, "we");
	int n;

	if (!out) {
		die(path);
	}
	cpio_entry(out, "dev", S_IFDIR | 0755, "", 0);
	cpio_entry(out, "modules", S_IFDIR | 0755, "", 0);
	cpio_file(out, "init", init);
	snprintf(modules, sizeof(modules), "%s/modules", blobs);
	n = scandir(modules, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char from[1536];
		char to[512];

		if (names[i]->d_name[0] != '.') {
			snprintf(from, sizeof(from), "%s/%s", modules, names[i]->d_name);
			snprintf(to, sizeof(to), "modules/%s", names[i]->d_name);
			cpio_file(out, to, from);
		}
		free(names[i]);
	}
	if (n >= 0) {
		free(names);
	}
	cpio_entry(out, "TRAILER!!!", 0, "", 0);
	if (fclose(out) != 0) {
		die(path);
	}
}

/* --- QEMU --------------------------------------------------------------------------------------
 */

static unsigned tsc_khz(void)
{
	struct timespec nap = {.tv_nsec = 20000000};
	struct timespec a;
	struct timespec b;
	uint64_t from = __rdtsc();
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &a);
	nanosleep(&nap, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ns = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000u + (uint64_t)b.tv_nsec -
	     (uint64_t)a.tv_nsec;
	return (unsigned)((__rdtsc() - from) * 1000000u / ns);
}

static pid_t start_qemu(const char *blobs, const char *initrd, int fd)
{
	char kernel[1024];
	char chardev[64];
	char append[256];
	pid_t pid;

	snprintf(kernel, sizeof(kernel), "%s/bzImage", blobs);
	snprintf(chardev, sizeof(chardev), "socket,id=vs,fd=%d", fd);
	snprintf(append, sizeof(append),
		"console=ttyS0 quiet panic=-1 reboot=t tsc=reliable tsc_early_khz=%u", tsc_khz());
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fcntl(fd, F_SETFD, 0);
		execlp("qemu-system-x86_64", "qemu-system-x86_64", "-M",
			"microvm,acpi=on,pic=on,pit=on,rtc=on,accel=tcg", "-cpu", "max", "-m",
			MEMORY, "-object", "memory-backend-memfd,id=mem,size=" MEMORY ",share=on",
			"-machine", "memory-backend=mem", "-global",
			"virtio-mmio.force-legacy=false", "-chardev", chardev, "-device",
			"vhost-user-vsock-device,chardev=vs", "-nodefaults", "-no-user-config",
			"-no-reboot", "-display", "none", "-serial", "stdio", "-kernel", kernel,
			"-initrd", initrd, "-append", append, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* --- the loop ----------------------------------------------------------------------------------
 */

/* False when the front end has hung up. */
static bool turn(struct backend *b, int fd)
{
	struct pollfd p[3] = {{fd, POLLIN, 0}, {b->kicks[0], POLLIN, 0}, {b->kicks[1], POLLIN, 0}};
	int timeout_ms = b->services.scheduled ? 0 : 100;
	enum rd_status st;

	if (poll(p, 3, timeout_ms) < 0 && errno != EINTR) {
		die("poll");
	}
	for (unsigned i = 0; i < 2; i++) {
		if (p[1 + i].revents & POLLIN) {
			rd_vhost_kicked(b->session, i);
			b->services.scheduled = true;
		}
	}
	services_turn(&b->services);
	rd_vsock_tick(b->services.dev, now_ms());
	if (p[0].revents == 0) {
		return true;
	}
	st = rd_vhost_readable(b->session);
	if (st != RD_OK && st != RD_CLOSED) {
		fprintf(stderr, "vsock-backend: vhost-user: %s: %s\n",
			rd_vhost_last_request(b->session), rd_status_name(st));
	}
	return st == RD_OK;
}

static void serve(struct backend *b, int fd)
{
	uint64_t end_ms = now_ms() + TIMEOUT_MS;

	while (turn(b, fd)) {
		if (now_ms() > end_ms) {
			fprintf(stderr, "vsock-backend: the guest did not finish in time\n");
			return;
		}
	}
}

static void say_stats(const struct rd_vsock_stats *s)
{
	printf("device: %llu packets and %llu bytes to the guest, %llu and %llu from it, "
	       "%llu connections, %llu resets, %llu garbage\n",
		(unsigned long long)s->rx_packets, (unsigned long long)s->rx_bytes,
		(unsigned long long)s->tx_packets, (unsigned long long)s->tx_bytes,
		(unsigned long long)s->connections, (unsigned long long)s->resets_sent,
		(unsigned long long)s->dropped_garbage);
}

static void devices_new(struct backend *b, int fd)
{
	uint8_t cid[RD_VSOCK_CONFIG_SIZE];
	struct rd_vhost_config vhost = {
		.features = RD_VIRTIO_F_RINGS,
		.queue_count = 2,
		.device_config = rd_view(cid, sizeof(cid)),
		.ops = &vhost_ops,
		.ctx = b,
		.fd = fd,
	};
	struct rd_vsock_config vsock = {
		.guest_cid = GUEST_CID,
		.now_ms = now_ms(),
		.ops = &services_ops,
		.ctx = &b->services,
	};

	rd_put_le64(cid, GUEST_CID);
	if (rd_vhost_session_new(&vhost, &b->session) != RD_OK) {
		die("vhost session");
	}
	vsock.rx = rd_vhost_queue(b->session, RD_VSOCK_QUEUE_RX);
	vsock.tx = rd_vhost_queue(b->session, RD_VSOCK_QUEUE_TX);
	if (rd_vsock_device_new(&vsock, &b->services.dev) != RD_OK) {
		die("vsock device");
	}
	pattern_init(b->services.pattern);
}

int main(int argc, char **argv)
{
	struct backend *b = &backend;
	const char *blobs = getenv("NITRO_CLI_BLOBS");
	char kernel[1024];
	char initrd[] = "/tmp/rd-vsock-initrd.XXXXXX";
	int status = -1;
	int sv[2];
	pid_t pid;

	if (argc != 2) {
		fprintf(stderr, "usage: vsock-backend GUEST-INIT\n");
		return 2;
	}
	snprintf(kernel, sizeof(kernel), "%s/bzImage", blobs ? blobs : "");
	if (!blobs || access(kernel, R_OK) != 0) {
		skip("no kernel: NITRO_CLI_BLOBS names no blobs directory; run make first");
	}
	if (system("command -v qemu-system-x86_64 >/dev/null") != 0) {
		skip("qemu-system-x86_64 is not installed");
	}
	close(mkostemp(initrd, O_CLOEXEC));
	write_initrd(initrd, argv[1], blobs);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0) {
		die("socketpair");
	}
	devices_new(b, sv[0]);
	pid = start_qemu(blobs, initrd, sv[1]);
	close(sv[1]);
	serve(b, sv[0]);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	unlink(initrd);
	say_stats(rd_vsock_stats(b->services.dev));
	rd_vhost_session_free(&b->session);
	rd_vsock_device_free(&b->services.dev);
	for (unsigned i = 0; i < b->map_count; i++) {
		munmap(b->maps[i], b->map_sizes[i]);
	}
	close(sv[0]);
	if (!b->services.passed || b->services.failed || !b->services.probe_ok) {
		fprintf(stderr, "vsock-backend: failed\n");
		return 1;
	}
	return 0;
}
