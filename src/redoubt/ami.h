/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `redoubt ami`: its command line, making an image, registering it. */
#ifndef RD_REDOUBT_AMI_H
#define RD_REDOUBT_AMI_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* What an image needs with room to work in, and more than any host gives to one instance. */
#define AMI_SIZE_MIN_GIB 2
#define AMI_SIZE_MAX_GIB 1024
#define AMI_SIZE_GIB     8
/* EC2's limits of an image's name. */
#define AMI_NAME_MIN 3
#define AMI_NAME_MAX 128

struct ami_args {
	bool help;
	bool build; /* else register */
	const char *file;
	const char *format; /* NULL: by the file's name */
	const char *suite;  /* NULL: the host's own */
	const char *package;
	uint64_t size_gib;
	const char *endpoint_url; /* NULL: build registers nothing */
	const char *name;         /* NULL until checked: image_id, or redoubt-parent */
	const char *image_id;     /* NULL: the service's choice */
};

/* Registers args->file with the EC2 API at args->endpoint_url; prints the image's id. */
enum rd_status ami_register(const struct ami_args *args, struct rd_error *err) RD_MUST_USE;

#endif
