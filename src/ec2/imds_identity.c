/* SPDX-License-Identifier: Apache-2.0 */
/* The instance identity document, byte for byte the same at every call, and its signatures. */
#include "ec2/imds-internal.h"

#include <stdlib.h>

/* Some half KiB; names are bounded. */
#define DOCUMENT_MAX 4096

enum rd_status imds_put_document(const struct imds_view *view, struct rd_buf *out)
{
	const struct imds_instance *i = view->instance;
	char launched[IMDS_TIME_SIZE];

	imds_time(i->launched_ms, launched);
	return rd_buf_printf(out,
		"{\n"
		"  \"accountId\" : \"%s\",\n"
		"  \"architecture\" : \"x86_64\",\n"
		"  \"availabilityZone\" : \"%s\",\n"
		"  \"billingProducts\" : null,\n"
		"  \"devpayProductCodes\" : null,\n"
		"  \"marketplaceProductCodes\" : null,\n"
		"  \"imageId\" : \"%s\",\n"
		"  \"instanceId\" : \"%s\",\n"
		"  \"instanceType\" : \"%s\",\n"
		"  \"kernelId\" : null,\n"
		"  \"pendingTime\" : \"%s\",\n"
		"  \"privateIp\" : \"%s\",\n"
		"  \"ramdiskId\" : null,\n"
		"  \"region\" : \"%s\",\n"
		"  \"version\" : \"2017-09-30\"\n"
		"}",
		i->account, i->zone, i->image, i->id, i->type, launched, i->private_ip, i->region);
}

enum rd_status imds_put_signature(const struct imds_view *view, struct rd_buf *out)
{
	uint8_t storage[DOCUMENT_MAX];
	struct rd_buf document = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(imds_put_document(view, &document));
	return imds_signer_sign(view->service->signer, rd_buf_view(&document), out);
}

enum rd_status imds_put_pkcs7(const struct imds_view *view, struct rd_buf *out)
{
	uint8_t storage[DOCUMENT_MAX];
	struct rd_buf document = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(imds_put_document(view, &document));
	return imds_signer_envelop(view->service->signer, rd_buf_view(&document), out);
}
