/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that several configurations have. Errors are RD_USAGE or RD_LIMIT unless it says otherwise,
 * with a text that repeats a value only where it can hold no password.
 */
#ifndef RD_YAML_VALUE_H
#define RD_YAML_VALUE_H

#include "os/paths.h"

#include <stdint.h>
#include <stdio.h>

/* An address as text: INET6_ADDRSTRLEN and room. */
#define RD_VALUE_ADDRESS_SIZE 64

/* "<scheme><path>", a relative path being below directory. */
enum rd_status rd_value_path(const char *directory, const char *scheme, const char *path,
	char ret[RD_PATH_MAX], struct rd_error *err) RD_MUST_USE;

/* "127.0.0.1:8443" or "[::1]:8443"; usual_port is for the error's example. */
enum rd_status rd_value_endpoint(const char *value, unsigned usual_port,
	char ret_address[RD_VALUE_ADDRESS_SIZE], uint16_t *ret_port, struct rd_error *err)
	RD_MUST_USE;

/* "sqlite:PATH", the path as above, or "postgresql://…". */
enum rd_status rd_value_database(const char *directory, const char *value, char ret[RD_PATH_MAX],
	struct rd_error *err) RD_MUST_USE;

/* 1 to size - 1 of a-z, 0-9 and -. */
enum rd_status rd_value_region(const char *value, char *ret, size_t size, struct rd_error *err)
	RD_MUST_USE;

/*
 * "2,4-7": numbers from 0 to id_max, and ranges of them, in any order and none twice
 * (RD_BAD_NUMBER, RD_DUPLICATE). ret has room for max (RD_LIMIT) and gets them ascending; after a
 * refusal it holds anything.
 */
enum rd_status rd_value_cpu_list(const char *text, uint32_t id_max, size_t max, uint32_t *ret,
	size_t *ret_count, struct rd_error *err) RD_MUST_USE;

/* Both files or none, and none on loopback alone: RD_USAGE, RD_FORBIDDEN. why: "answers hold
 * plaintext keys". */
enum rd_status rd_value_tls(const char *certificate, const char *key, const char *address,
	const char *why, struct rd_error *err) RD_MUST_USE;

/* As many threads as there are processors, from 1 to max. */
uint32_t rd_value_threads(uint32_t max);

/* In the file's own form. */
void rd_value_print_endpoint(FILE *to, const char *key, const char *address, uint16_t port);

#endif
