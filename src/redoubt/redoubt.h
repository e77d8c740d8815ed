/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt: the administrator's program. One function a subcommand; main.c has the table. */
#ifndef RD_REDOUBT_H
#define RD_REDOUBT_H

/* Exit codes of every subcommand; each may add its own from 10 up. */
enum {
	RD_EXIT_OK = 0,
	RD_EXIT_FAILURE = 1, /* it could not be tried: a file, memory, the system */
	RD_EXIT_USAGE = 2
};

/* argv[0] is the subcommand's name. */
int rd_redoubt_ami(int argc, char **argv);
int rd_redoubt_audit(int argc, char **argv);
int rd_redoubt_doctor(int argc, char **argv);
int rd_redoubt_evidence(int argc, char **argv);
int rd_redoubt_instances(int argc, char **argv);
int rd_redoubt_kms(int argc, char **argv);
int rd_redoubt_pki(int argc, char **argv);
int rd_redoubt_verify(int argc, char **argv);

#endif
