/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's microvm with our vsock device over vhost-user. */
#include "machine.h"

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

#define GUEST_CID 16u
#define MEMORY    "256M"

struct machine {
	struct rd_vhost_session *session;
	struct rd_vsock_device *dev;
	bool scheduled; /* the device asked for another turn */
	int fd;         /* vhost-user, our end */
	int qemu_fd;    /* QEMU's */
	pid_t pid;
	int kicks[2];
	uint8_t *maps[RD_GUEST_MEM_REGIONS_MAX];
	size_t map_sizes[RD_GUEST_MEM_REGIONS_MAX];
	unsigned map_count;
};

uint64_t machine_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "machine: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void refuse(const char *why)
{
	fprintf(stderr, "machine: %s\n", why);
	exit(1);
}

static bool has_word(const char *path, const char *word)
{
	char text[4096] = "";
	FILE *in = fopen(path, "re");
	size_t n = in ? fread(text, 1, sizeof(text) - 1, in) : 0;

	if (in) {
		fclose(in);
	}
	text[n] = '\0';
	return strstr(text, word) != NULL;
}

static bool find_kernel(const char *out, const char *flavour, struct machine_kernel *ret)
{
	char path[sizeof(ret->blobs) + 16];

	ret->flavour = flavour;
	snprintf(ret->blobs, sizeof(ret->blobs), "%s/share/redoubt/blobs/%s", out, flavour);
	snprintf(path, sizeof(path), "%s/bzImage", ret->blobs);
	if (access(path, R_OK) != 0) {
		return false;
	}
	snprintf(path, sizeof(path), "%s/cmdline", ret->blobs);
	ret->acpi = has_word(path, "redoubt.acpi");
	return true;
}

size_t machine_kernels(struct machine_kernel ret[MACHINE_KERNELS_MAX])
{
	static const char *const flavours[MACHINE_KERNELS_MAX] = {"enclave", "debian"};
	const char *out = getenv("REDOUBT_OUT");
	size_t n = 0;

	for (size_t i = 0; out && i < MACHINE_KERNELS_MAX; i++) {
		n += find_kernel(out, flavours[i], &ret[n]);
	}
	if (n == 0) {
		refuse("no kernel in $REDOUBT_OUT/share/redoubt/blobs: run make first");
	}
	if (system("command -v qemu-system-x86_64 >/dev/null") != 0) {
		refuse("qemu-system-x86_64 is not installed: run tools/setup run");
	}
	return n;
}

/* ---- vhost ---- */

static enum rd_status on_map(
	void *ctx, const struct rd_vhost_region *region, int fd, uint8_t **ret_hva)
{
	struct machine *m = ctx;
	size_t size = (size_t)(region->fd_offset + region->size);
	uint8_t *p;

	RD_ENSURE(m->map_count < RD_GUEST_MEM_REGIONS_MAX, RD_LIMIT);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	RD_ENSURE(p != MAP_FAILED, RD_IO);
	m->maps[m->map_count] = p;
	m->map_sizes[m->map_count++] = size;
	*ret_hva = p + region->fd_offset;
	return RD_OK;
}

static void on_queue_started(void *ctx, unsigned index, int kick_fd)
{
	struct machine *m = ctx;

	m->kicks[index] = kick_fd;
	rd_vsock_run(m->dev);
}

static void on_queue_stopped(void *ctx, unsigned index)
{
	struct machine *m = ctx;

	m->kicks[index] = -1;
	rd_vsock_device_reset(m->dev);
}

static const struct rd_vhost_ops vhost_ops = {
	.map = on_map,
	.queue_started = on_queue_started,
	.queue_stopped = on_queue_stopped,
};

void machine_notify(struct machine *m, unsigned queue)
{
	rd_vhost_notify(m->session, queue);
}

void machine_schedule(struct machine *m)
{
	m->scheduled = true;
}

struct rd_vsock_device *machine_device(struct machine *m)
{
	return m->dev;
}

struct machine *machine_new(const struct rd_vsock_ops *ops, void *ctx)
{
	struct machine *m = calloc(1, sizeof(*m));
	uint8_t cid[RD_VSOCK_CONFIG_SIZE];
	struct rd_vhost_config vhost = {
		.features = RD_VIRTIO_F_RINGS,
		.queue_count = 2,
		.device_config = rd_view(cid, sizeof(cid)),
		.ops = &vhost_ops,
		.ctx = m,
	};
	struct rd_vsock_config vsock = {
		.guest_cid = GUEST_CID, .now_ms = machine_now_ms(), .ops = ops, .ctx = ctx};
	int sv[2];

	if (!m || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0) {
		die("socketpair");
	}
	*m = (struct machine){.kicks = {-1, -1}, .fd = sv[0], .qemu_fd = sv[1], .pid = -1};
	vhost.fd = m->fd;
	rd_put_le64(cid, GUEST_CID);
	if (rd_vhost_session_new(&vhost, &m->session) != RD_OK) {
		die("vhost session");
	}
	vsock.rx = rd_vhost_queue(m->session, RD_VSOCK_QUEUE_RX);
	vsock.tx = rd_vhost_queue(m->session, RD_VSOCK_QUEUE_TX);
	if (rd_vsock_device_new(&vsock, &m->dev) != RD_OK) {
		die("vsock device");
	}
	return m;
}

/* ---- the guest's files ---- */

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

static void cpio_modules(FILE *out, const struct machine_kernel *kernel)
{
	char modules[1100];
	struct dirent **names;
	int n;

	snprintf(modules, sizeof(modules), "%s/modules", kernel->blobs);
	n = scandir(modules, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char from[1600];
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
}

static void write_initrd(const char *path, const struct machine_kernel *kernel,
	const struct machine_file *files, size_t count)
{
	FILE *out = fopen(path, "we");

	if (!out) {
		die(path);
	}
	cpio_entry(out, "dev", S_IFDIR | 0755, "", 0);
	cpio_entry(out, "modules", S_IFDIR | 0755, "", 0);
	for (size_t i = 0; i < count; i++) {
		const struct machine_file *f = &files[i];

		if (f->path) {
			cpio_file(out, f->name, f->path);
		} else {
			cpio_entry(out, f->name, f->data ? S_IFREG | 0644 : S_IFDIR | 0755,
				f->data ? f->data : "", f->size);
		}
	}
	cpio_modules(out, kernel);
	cpio_entry(out, "TRAILER!!!", 0, "", 0);
	if (fclose(out) != 0) {
		die(path);
	}
}

/* ---- QEMU ---- */

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

static pid_t start_qemu(
	const struct machine_kernel *kernel, const char *initrd, int fd, int console)
{
	char image[1100];
	char board[64];
	char chardev[64];
	char append[256];
	pid_t pid;

	snprintf(image, sizeof(image), "%s/bzImage", kernel->blobs);
	/* Without ACPI, QEMU names the devices on the command line. */
	snprintf(board, sizeof(board), "microvm,acpi=%s,pic=on,pit=on,rtc=on,accel=tcg",
		kernel->acpi ? "on" : "off");
	snprintf(chardev, sizeof(chardev), "socket,id=vs,fd=%d", fd);
	snprintf(append, sizeof(append),
		"console=ttyS0 quiet panic=-1 reboot=t tsc=reliable tsc_early_khz=%u", tsc_khz());
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fcntl(fd, F_SETFD, 0);
		if (console >= 0) {
			dup2(console, STDOUT_FILENO);
		}
		execlp("qemu-system-x86_64", "qemu-system-x86_64", "-M", board, "-cpu", "max", "-m",
			MEMORY, "-object", "memory-backend-memfd,id=mem,size=" MEMORY ",share=on",
			"-machine", "memory-backend=mem", "-global",
			"virtio-mmio.force-legacy=false", "-chardev", chardev, "-device",
			"vhost-user-vsock-device,chardev=vs", "-nodefaults", "-no-user-config",
			"-no-reboot", "-display", "none", "-serial", "stdio", "-kernel", image,
			"-initrd", initrd, "-append", append, (char *)NULL);
		_exit(127);
	}
	return pid;
}

void machine_start(struct machine *m, const struct machine_kernel *kernel,
	const struct machine_file *files, size_t count, int console)
{
	char initrd[] = "/tmp/rd-machine.XXXXXX";
	int fd = mkostemp(initrd, O_CLOEXEC);
	char through_fd[64];

	if (fd < 0) {
		die("mkostemp");
	}
	write_initrd(initrd, kernel, files, count);
	/* QEMU reads it by our descriptor, so that nothing is left behind however this test ends.
	 */
	unlink(initrd);
	snprintf(through_fd, sizeof(through_fd), "/proc/self/fd/%d", fd);
	fcntl(fd, F_SETFD, 0);
	m->pid = start_qemu(kernel, through_fd, m->qemu_fd, console);
	close(fd);
	close(m->qemu_fd);
	m->qemu_fd = -1;
}

/* ---- the loop ---- */

bool machine_turn(struct machine *m)
{
	struct pollfd p[3] = {
		{m->fd, POLLIN, 0}, {m->kicks[0], POLLIN, 0}, {m->kicks[1], POLLIN, 0}};
	enum rd_status st;

	if (poll(p, 3, m->scheduled ? 0 : 100) < 0 && errno != EINTR) {
		die("poll");
	}
	for (unsigned i = 0; i < 2; i++) {
		if (p[1 + i].revents & POLLIN) {
			rd_vhost_kicked(m->session, i);
			m->scheduled = true;
		}
	}
	if (m->scheduled) {
		m->scheduled = false;
		rd_vsock_run(m->dev);
	}
	rd_vsock_tick(m->dev, machine_now_ms());
	if (p[0].revents == 0) {
		return true;
	}
	st = rd_vhost_readable(m->session);
	if (st != RD_OK && st != RD_CLOSED) {
		fprintf(stderr, "machine: vhost-user: %s: %s\n", rd_vhost_last_request(m->session),
			rd_status_name(st));
	}
	return st == RD_OK;
}

void machine_free(struct machine **m)
{
	struct machine *old = *m;

	if (old->pid > 0) {
		kill(old->pid, SIGKILL);
		waitpid(old->pid, NULL, 0);
	}
	rd_vhost_session_free(&old->session);
	rd_vsock_device_free(&old->dev);
	for (unsigned i = 0; i < old->map_count; i++) {
		munmap(old->maps[i], old->map_sizes[i]);
	}
	close(old->fd);
	if (old->qemu_fd >= 0) {
		close(old->qemu_fd);
	}
	free(old);
	*m = NULL;
}
