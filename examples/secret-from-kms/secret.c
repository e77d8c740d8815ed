/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enclave that gets a password from the key server and tells its parent whether a guess is
 * right.
 *
 *	parent -> enclave   four bytes, big-endian: a length, then as many bytes: words, each
 *	                    ended by a NUL: the guess in base64, then arguments for
 *	                    kmstool_enclave_cli
 *	enclave -> parent   text until the connection ends
 *
 * One connection to (parent, port 5000) for each guess. Credentials and ciphertext come from the
 * parent, who may know both: the key's policy has to see to it that only this image gets the
 * plaintext. kmstool_enclave_cli makes the key pair, the attestation document and the call.
 */
#include "common/parent.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARENT_PORT 5000
#define WORDS_MAX   40
#define REQUEST_MAX 8192
#define OUTPUT_MAX  8192
/* The parent listens when it has something to ask; an enclave that nobody asks ends. */
#define CONNECT_ATTEMPTS 3000

#define TOOL   "/kmstool_enclave_cli"
#define PREFIX "PLAINTEXT: "

/* The words of a request; returns how many, or -1. */
static int read_words(int fd, char *buf, char **words)
{
	uint8_t head[4];
	size_t len;
	int n = 0;

	if (!read_all(fd, head, sizeof(head))) {
		return -1;
	}
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len == 0 || len > REQUEST_MAX || !read_all(fd, buf, len) || buf[len - 1] != '\0') {
		return -1;
	}
	for (char *at = buf; at < buf + len; at += strlen(at) + 1) {
		if (n == WORDS_MAX) {
			return -1;
		}
		words[n++] = at;
	}
	return n;
}

/* Runs the tool; what it says goes to output, NUL-terminated. Returns its exit status. */
static int run_tool(char **argv, char *output)
{
	size_t used = 0;
	ssize_t got = 0;
	int ends[2];
	int how = -1;
	pid_t pid = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;

	if (pid < 0) {
		return -1;
	}
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execv(argv[0], argv);
		_exit(127);
	}
	close(ends[1]);
	while (used < OUTPUT_MAX - 1 &&
		(got = read(ends[0], output + used, OUTPUT_MAX - 1 - used)) > 0) {
		used += (size_t)got;
	}
	output[used] = '\0';
	close(ends[0]);
	waitpid(pid, &how, 0);
	return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

/* Whether the plaintext is the guess: both in base64. Nothing else of it leaves the enclave. */
static const char *judge(const char *output, const char *guess)
{
	const char *plaintext = strncmp(output, PREFIX, strlen(PREFIX)) == 0
					? output + strlen(PREFIX)
					: "";
	size_t len = strcspn(plaintext, "\n");

	return len > 0 && len == strlen(guess) && memcmp(plaintext, guess, len) == 0
		       ? "the guess is right\n"
		       : "the guess is wrong\n";
}

static void serve(int fd)
{
	static char request[REQUEST_MAX];
	static char output[OUTPUT_MAX];
	/* The tool; the guess, in whose place the command comes; arguments; NULL. */
	char *words[1 + WORDS_MAX + 1] = {NULL};
	static char tool[] = TOOL;
	static char command[] = "decrypt";
	int n = read_words(fd, request, words + 1);
	const char *guess = words[1];
	int status;

	if (n < 1) {
		dprintf(fd, "not understood\n");
		return;
	}
	words[0] = tool;
	words[1] = command;
	status = run_tool(words, output);
	if (status == 0) {
		dprintf(fd, "%s", judge(output, guess));
	} else {
		dprintf(fd, "no secret (%s exits with %d): %s", TOOL + 1, status, output);
	}
	explicit_bzero(output, sizeof(output));
}

int main(void)
{
	int parent;

	while ((parent = connect_to_parent(PARENT_PORT, CONNECT_ATTEMPTS)) >= 0) {
		serve(parent);
		close(parent);
	}
	return 0;
}
