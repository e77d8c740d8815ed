/* SPDX-License-Identifier: Apache-2.0 */
/* kmstool_enclave_cli: KMS calls from a shell or a script inside an enclave. */
#include "kmstool/cli.h"
#include "kmstool/document.h"

#include <signal.h>

int main(int argc, char **argv)
{
	static const struct cli_surroundings enclave = {
		.documents.attest = rdkms_nsm_attest,
		.seed = rdkms_seed_entropy,
	};

	signal(SIGPIPE, SIG_IGN);
	return cli_run(argc, argv, &enclave);
}
