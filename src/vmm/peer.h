/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link between the vmm of a parent and the vmm of one of its enclaves: how a vsock connection
 * of the one guest becomes one of the other.
 *
 * redoubtd makes a pair of SOCK_SEQPACKET sockets at the enclave's launch and gives each vmm one
 * end. A link has two ends and no address, so that neither guest, nor even a vmm that its guest has
 * taken over, reaches anybody else through it.
 *
 *	CONNECT id port + one end of a stream   the guest there wants a connection to `port` here
 *	ACCEPTED id                             it has it: bytes flow through the stream
 *	REFUSED id                              nobody listens there
 *
 * A message is three u32 in the host's order (both ends are one program on one host). The ids are
 * the sender's of CONNECT. The link's end is the end of the other vmm.
 */
#ifndef RD_VMM_PEER_H
#define RD_VMM_PEER_H

#include "base/status.h"

#include <stdint.h>

struct rd_vsock_host;
struct rd_peer;

/*
 * sock is taken over, also on failure. cid: who the other guest is to ours (an enclave's CID at its
 * parent, RD_CID_PARENT in an enclave); RD_EXISTS if there is such a link already.
 */
enum rd_status rd_peer_add(struct rd_vsock_host *host, uint32_t cid, int take_sock) RD_MUST_USE;

/* Ends all links: at their other ends this vmm has gone. */
void rd_peer_drop_all(struct rd_vsock_host *host);

#endif
