/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the audit log holds of a call: a JSON object in CloudTrail's form (the reference, 3.9), with
 * additions under additionalEventData:
 *
 *	decision   allowed, action, resource, by: what decided the last authorisation
 *	recipient  of calls with an attestation document
 *	    attestationDocumentSha256           the kept document (kms_audit_keep_document)
 *	    attestationDocumentRefused          the verifier's verdict; then nothing that follows is
 *	    attestationDocumentModuleId         there, for nothing of it is to be believed
 *	    attestationDocumentEnclaveImageDigest, …EnclavePCR1, 2, 3, 4, 8   base64, as at AWS
 *	    pcrs                                {"0": hex, …}: all that the document has
 *	    timestamp, root, debug
 *	recovered  true in the record of a change that the log got from the database afterwards: it
 *	           was made, and whether an answer left is not known. Another record of the same
 *	           requestID may be there, also in another server's log
 *	tls        whether the call came over TLS
 *
 * Members are sorted by name at every depth, so the same call gives the same bytes.
 */
#ifndef KMS_RECORD_H
#define KMS_RECORD_H

#include "kms/call.h"

/*
 * Appended to out, at most RD_AUDIT_RECORD_MAX bytes. Only what the call's fields say is used,
 * never its body, parameters or answer; of call->facts, members of the names that carry secrets or
 * blobs are hidden, and all of them when the record would become too long. RD_LIMIT, RD_NOMEM.
 *
 * A document is named when call->attested.digest is not zero: keep it first.
 */
enum rd_status kms_record(const struct kms_call *call, struct rd_buf *out) RD_MUST_USE;
/* The same of a call that has not ended yet but changes something, for the case that it does not
 * get to its own record (journal.h): "recovered" says so. */
enum rd_status kms_record_pending(const struct kms_call *call, struct rd_buf *out) RD_MUST_USE;

#endif
