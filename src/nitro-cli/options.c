/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser and the help texts that follow from its table. */
#include "nitro-cli/options.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* One bit an option in the parser's state; the largest command has nine. */
#define OPTIONS_MAX 32

struct parse {
	const struct cli_command *command;
	int argc;
	char **argv;
	int next;
	char *values;
	uint32_t seen;
};

static void print_usage(FILE *to, const struct cli_command *c)
{
	fprintf(to, "Usage: nitro-cli %s [OPTIONS]", c->name);
	for (size_t i = 0; i < c->n_options; i++) {
		if (c->options[i].required && c->options[i].unless == NULL) {
			fprintf(to, " --%s <%s>", c->options[i].name, c->options[i].value_name);
		}
	}
	fputc('\n', to);
}

static void print_help(const struct cli_command *c)
{
	printf("%s\n\n", c->about);
	print_usage(stdout, c);
	printf("\nOptions:\n");
	for (size_t i = 0; i < c->n_options; i++) {
		const struct cli_option *o = &c->options[i];

		printf("      --%s", o->name);
		if (o->kind != CLI_FLAG) {
			printf(" <%s>%s", o->value_name, o->kind == CLI_LIST ? "..." : "");
		}
		printf("\n          %s\n", o->help);
	}
	printf("  -h, --help\n          Print help\n");
}

static enum cli_parsed wrong(const struct parse *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static enum cli_parsed wrong(const struct parse *p, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "error: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n\n");
	print_usage(stderr, p->command);
	fprintf(stderr, "\nFor more information, try '--help'.\n");
	return CLI_WRONG;
}

/* Index of the option of this name, or -1. */
static int find(const struct cli_command *c, const char *name, size_t len)
{
	for (size_t i = 0; i < c->n_options; i++) {
		if (strlen(c->options[i].name) == len &&
			memcmp(c->options[i].name, name, len) == 0) {
			return (int)i;
		}
	}
	return -1;
}

/* An argument that starts with a dash is an option, not a value; "-" alone is a file name. */
static bool is_option(const char *arg)
{
	return arg[0] == '-' && arg[1] != '\0';
}

static enum cli_parsed take_list(struct parse *p, const struct cli_option *o, char *attached)
{
	struct cli_list *list = (struct cli_list *)(void *)(p->values + o->offset);

	if (attached != NULL) {
		/* "--name=value": the slice must be of argv's own pointers. */
		p->argv[p->next - 1] = attached;
		*list = (struct cli_list){.v = &p->argv[p->next - 1], .n = 1};
		return CLI_PARSED;
	}
	list->v = &p->argv[p->next];
	while (p->next < p->argc && !is_option(p->argv[p->next])) {
		p->next++;
		list->n++;
	}
	if (list->n == 0) {
		return wrong(p, "a value is required for '--%s <%s>...' but none was supplied",
			o->name, o->value_name);
	}
	return CLI_PARSED;
}

static enum cli_parsed take_value(struct parse *p, const struct cli_option *o, char *attached)
{
	if (o->kind == CLI_FLAG) {
		if (attached != NULL) {
			return wrong(p,
				"unexpected value '%s' for '--%s' found; no more were "
				"expected",
				attached, o->name);
		}
		*(bool *)(p->values + o->offset) = true;
		return CLI_PARSED;
	}
	if (o->kind == CLI_LIST) {
		return take_list(p, o, attached);
	}
	if (attached == NULL) {
		if (p->next == p->argc || is_option(p->argv[p->next])) {
			return wrong(p, "a value is required for '--%s <%s>' but none was supplied",
				o->name, o->value_name);
		}
		attached = p->argv[p->next++];
	}
	*(const char **)(void *)(p->values + o->offset) = attached;
	return CLI_PARSED;
}

static enum cli_parsed take_option(struct parse *p)
{
	char *arg = p->argv[p->next++];
	char *equals = strchr(arg, '=');
	size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
	int i = -1;

	if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0) {
		print_help(p->command);
		return CLI_HELP;
	}
	if (strncmp(arg, "--", 2) == 0) {
		i = find(p->command, arg + 2, len - 2);
	}
	if (i < 0) {
		return wrong(p, "unexpected argument '%s' found", arg);
	}
	if (p->seen & UINT32_C(1) << i) {
		return wrong(p, "the argument '--%s' cannot be used multiple times",
			p->command->options[i].name);
	}
	p->seen |= UINT32_C(1) << i;
	return take_value(p, &p->command->options[i], equals != NULL ? equals + 1 : NULL);
}

static bool is_seen(const struct parse *p, const char *name, size_t len)
{
	int i = find(p->command, name, len);

	return i >= 0 && (p->seen & UINT32_C(1) << i) != 0;
}

/* Whether one of the names in a list was given (want true) or was not (want false); which one. */
static bool any(const struct parse *p, const char *names, bool want, const char **ret, int *ret_len)
{
	while (names != NULL && *names != '\0') {
		size_t len = strcspn(names, " ");

		if (is_seen(p, names, len) == want) {
			*ret = names;
			*ret_len = (int)len;
			return true;
		}
		names += len;
		names += strspn(names, " ");
	}
	return false;
}

static enum cli_parsed check_rules(const struct parse *p)
{
	const char *other;
	int len;

	for (size_t i = 0; i < p->command->n_options; i++) {
		const struct cli_option *o = &p->command->options[i];

		if ((p->seen & UINT32_C(1) << i) == 0) {
			if (o->required && !any(p, o->unless, true, &other, &len)) {
				return wrong(p,
					"the following required arguments were not "
					"provided:\n  --%s <%s>",
					o->name, o->value_name);
			}
			continue;
		}
		if (any(p, o->conflicts, true, &other, &len)) {
			return wrong(p, "the argument '--%s' cannot be used with '--%.*s'", o->name,
				len, other);
		}
		if (any(p, o->requires, false, &other, &len)) {
			return wrong(p,
				"the following required arguments were not provided:\n"
				"  --%.*s (needed by --%s)",
				len, other, o->name);
		}
	}
	return CLI_PARSED;
}

enum cli_parsed cli_parse(const struct cli_command *command, int argc, char **argv, void *values)
{
	struct parse p = {
		.command = command, .argc = argc, .argv = argv, .next = 1, .values = values};

	_Static_assert(sizeof(p.seen) * 8 == OPTIONS_MAX, "one bit an option");
	while (p.next < argc) {
		enum cli_parsed parsed = take_option(&p);

		if (parsed != CLI_PARSED) {
			return parsed;
		}
	}
	return check_rules(&p);
}

int cli_parse_exit(enum cli_parsed parsed)
{
	return parsed == CLI_HELP ? 0 : CLI_EXIT_USAGE;
}
