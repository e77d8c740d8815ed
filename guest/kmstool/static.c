/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libcrypto refers to, and a static program over vsock must not do: load shared objects and
 * resolve names. In a static program glibc's versions would look for shared objects of the very
 * glibc that it was linked with, in whatever image it runs. These fail, as OpenSSL expects they
 * may.
 */
#include <netdb.h>
#include <stddef.h>

/* By the linker's --wrap: glibc itself refers to the original. */
void *__wrap_dlopen(const char *file, int mode); /* NOLINT(bugprone-reserved-identifier) */

void *__wrap_dlopen(const char *file, int mode) /* NOLINT(bugprone-reserved-identifier) */
{
	(void)file;
	(void)mode;
	return NULL;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
	const struct addrinfo *restrict req, struct addrinfo **restrict pai)
{
	(void)name;
	(void)service;
	(void)req;
	*pai = NULL;
	return EAI_SYSTEM;
}

struct hostent *gethostbyname(const char *name)
{
	(void)name;
	return NULL;
}

void freeaddrinfo(struct addrinfo *ai)
{
	(void)ai;
}

int getnameinfo(const struct sockaddr *restrict sa, socklen_t salen, char *restrict host,
	socklen_t hostlen, char *restrict serv, socklen_t servlen, int flags)
{
	(void)sa;
	(void)salen;
	(void)host;
	(void)hostlen;
	(void)serv;
	(void)servlen;
	(void)flags;
	return EAI_SYSTEM;
}

struct servent *getservbyname(const char *name, const char *proto)
{
	(void)name;
	(void)proto;
	return NULL;
}
