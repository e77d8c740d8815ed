#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a container image to a verified attestation: each step with its time, then what is refused.
#
# usage: demo.sh [OUT]   OUT: the installed tree, by default ./out
# Everything that it makes lives in a temporary directory (REDOUBT_HOME) and goes with it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "${1:-$here/../../out}" && pwd)
name="hello-attest"
# shellcheck source=examples/common.sh
. "$here/../common.sh"

step "Container image (Dockerfile, FROM scratch) -> enclave image (EIF)"
quietly nitro-cli build-enclave --docker-uri hello-attest:demo --docker-dir "$examples" \
  --output-file "$work/hello.eif" >"$work/build.json"
pcr0=$(json PCR0 "$work/build.json")
pcr1=$(json PCR1 "$work/build.json")
pcr2=$(json PCR2 "$work/build.json")
printf '   PCR0 (whole image)  %s\n   PCR1 (kernel, init) %s\n   PCR2 (application)  %s\n' "$pcr0" "$pcr1" "$pcr2"
took

step "EIF -> isolated virtual machine"
quietly nitro-cli run-enclave --cpu-count 1 --memory 256 --eif-path "$work/hello.eif" >"$work/run.json"
id=$(json EnclaveID "$work/run.json")
slot=${id##*-enc}
printf '   enclave %s, CID %s\n' "$id" "$(json EnclaveCID "$work/run.json")"
took

step "Nonce -> enclave, attestation document -> parent (vsock port 5000)"
nonce=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
"$examples/hello-parent" "$REDOUBT_HOME/run/enclaves/$slot" "$nonce" "$work/document.bin"
printf '   nonce %s\n   document of %d bytes\n' "$nonce" "$(wc -c <"$work/document.bin")"
took

step "Verification: chain, signature, freshness, nonce, PCRs of the image"
root=$(redoubt pki root)
verify() { redoubt verify --root "$root" --max-age 300 "$@"; }
verify --nonce "$nonce" --pcr "0=$pcr0" --pcr "1=$pcr1" --pcr "2=$pcr2" "$work/document.bin" >"$work/verdict"
sed 's/^/   /' "$work/verdict"
took

step "What would have been refused"
size=$(wc -c <"$work/document.bin")
flip=$((size / 2))
cp "$work/document.bin" "$work/flipped.bin"
flip_byte "$work/flipped.bin" "$flip"
must_refuse "one bit flipped" verify --nonce "$nonce" --pcr "0=$pcr0" "$work/flipped.bin"
must_refuse "another PCR0" verify --nonce "$nonce" --pcr "0=$pcr1" "$work/document.bin"
must_refuse "another nonce" verify --nonce "$(printf '%064d' 1)" --pcr "0=$pcr0" "$work/document.bin"

step "End of the enclave"
tries=0
while [ "$(nitro-cli describe-enclaves)" != "[]" ] && [ "$tries" -lt 50 ]; do
  sleep 0.2
  tries=$((tries + 1))
done
nitro-cli describe-enclaves --ended | grep -E '"(State|ExitReason|ExitStatus)"' | sed 's/^ */   /'
took

printf '\n%s\n' "The document is genuine: it was made by the image just built. Total $(($(now_ms) - began)) ms."
