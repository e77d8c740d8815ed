#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A secret that only one image gets: encrypted by an administrator, obtained by the enclave, refused to everyone else, with
# the reasons from the key server's audit log.
#
# usage: demo.sh [OUT]   OUT: the installed tree, by default ./out
# Everything that it makes lives in a temporary directory (REDOUBT_HOME) and goes with it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "${1:-$here/../../out}" && pwd)
name="secret-from-kms"
# shellcheck source=examples/common.sh
. "$here/../common.sh"

password='open sesame'
server=kms.local-1.amazonaws.com
audit=$REDOUBT_HOME/state/kms/audit
kms() { aws --endpoint-url "$url" --output json "$@"; }

# From the last record of the audit log: a member's value, true, false or a text.
recorded() { redoubt audit show "$audit" --last 1 | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
# $1: what; $2: the reason that the audit log must give; then a command that must fail.
refused() {
  what=$1
  wanted=$2
  shift 2
  if "$@" >"$work/answer" 2>&1; then
    echo "$what: ANSWERED, and must not be: $(cat "$work/answer")" >&2
    exit 1
  fi
  # What was wrong with the document, or the statement that decided.
  why=$(recorded attestationDocumentRefused)
  [ -n "$why" ] || why=$(recorded by)
  case $why in
  *"$wanted"*) ;;
  *)
    echo "$what: refused for another reason, $why: $(cat "$work/answer")" >&2
    exit 1
    ;;
  esac
  printf '%s: refused\n   audit log: %s, %s: %s\n' "$what" "$(recorded eventName)" "$(recorded errorCode)" "$why"
}

# $1: name of the image, $2: its directory. PCR0 is in $pcr0 then.
build_image() {
  quietly nitro-cli build-enclave --docker-uri "$1:demo" --docker-dir "$2" --output-file "$work/$1.eif" >"$work/build.json"
  pcr0=$(json PCR0 "$work/build.json")
}
# An image, more options; the enclave's directory is in $enclave then.
run_image() {
  eif=$1
  shift
  quietly nitro-cli run-enclave --cpu-count 1 --memory 256 --eif-path "$work/$eif.eif" "$@" >"$work/run.json"
  id=$(json EnclaveID "$work/run.json")
  enclave=$REDOUBT_HOME/run/enclaves/${id##*-enc}
}
# The enclave gets these credentials, this ciphertext ($1) of this key ($2), and perhaps more for kmstool.
ask() {
  its_blob=$1
  its_key=$2
  shift 2
  "$examples/ask-enclave" "$enclave" "$password" --region local-1 --ca-file /kms-ca.pem \
    --aws-access-key-id "$AWS_ACCESS_KEY_ID" --aws-secret-access-key "$AWS_SECRET_ACCESS_KEY" \
    --aws-session-token "$AWS_SESSION_TOKEN" --ciphertext "$its_blob" \
    --key-id "$its_key" --encryption-algorithm SYMMETRIC_DEFAULT "$@"
}

# The parent asks for the plaintext of a ciphertext ($2) under a key ($1), with a document that it has got hold of ($3).
decrypt_with() {
  cat >"$work/request.json" <<REQUEST
{"KeyId":"$1","EncryptionAlgorithm":"SYMMETRIC_DEFAULT","CiphertextBlob":"$2",
"Recipient":{"KeyEncryptionAlgorithm":"RSAES_OAEP_SHA_256","AttestationDocument":"$(base64 -w0 "$3")"}}
REQUEST
  # Debian 12's AWS CLI is older than Recipient, so curl signs this one.
  printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' \
    "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN" |
    curl --config - --silent --show-error --fail-with-body --cacert "$AWS_CA_BUNDLE" \
      --aws-sigv4 aws:amz:local-1:kms --header 'X-Amz-Target: TrentService.Decrypt' \
      --header 'Content-Type: application/x-amz-json-1.1' --data-binary "@$work/request.json" "$url/"
}

# A key that the administrator encrypts with and one role decrypts with, unless something is denied. $1: more statements
# in front, each with a comma behind.
make_key() {
  cat >"$work/policy.json" <<POLICY
{"Version": "2012-10-17", "Statement": [$1
 {"Sid": "Administration", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$account:root"}, "Resource": "*",
  "Action": ["kms:Encrypt", "kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy"]},
 {"Sid": "Parent", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$account:role/parent"}, "Resource": "*",
  "Action": "kms:Decrypt"},
 {"Sid": "OnlyThisImage", "Effect": "Deny", "Principal": "*", "Resource": "*", "Action": "kms:Decrypt",
  "Condition": {"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": "$pcr0"}}}]}
POLICY
  kms kms create-key --policy "file://$work/policy.json" >"$work/key.json"
  json KeyId "$work/key.json"
}
# Ciphertext of $1 under key $2, in base64.
encrypt() {
  printf %s "$1" >"$work/plaintext"
  kms kms encrypt --key-id "$2" --plaintext "fileb://$work/plaintext" >"$work/encrypted.json"
  json CiphertextBlob "$work/encrypted.json"
}

step "redoubtd, and a key server with TLS: certificate by redoubt pki, administrator by its first start"
redoubtd >"$work/redoubtd.log" 2>&1 &
pids="$pids $!"
until redoubt pki root >/dev/null 2>&1; do
  kill -0 "$!" || { cat "$work/redoubtd.log" >&2 && exit 1; }
  sleep 0.1
done
redoubt pki tls --name "$server" --name 127.0.0.1 --out "$work/tls" >/dev/null
mkdir -p "$REDOUBT_HOME/config"
cat >"$REDOUBT_HOME/config/kms.yaml" <<CONFIG
listen: "127.0.0.1:0"
metrics: off
tls_certificate: $work/tls/server.pem
tls_key: $work/tls/server.key
CONFIG
touch "$work/kms.log" # the first look may be before the server's shell has made it
redoubt-kms >"$work/administrator" 2>"$work/kms.log" &
kms_pid=$!
pids="$pids $kms_pid"
until grep -q 'serves https' "$work/kms.log"; do
  kill -0 "$kms_pid" || { cat "$work/kms.log" >&2 && exit 1; }
  sleep 0.1
done
sed -n 's/^.*Z\] \(made the master key\), [^:]*:/   \1:/p; s/^.*\(serves https.*\)/   \1/p' "$work/kms.log"
eval "$(sed -n 's/^[[:space:]]*\(export AWS_[A-Z_]*=[A-Za-z0-9+/:._-]*\)$/\1/p' "$work/administrator")"
url=$AWS_ENDPOINT_URL
port=${url##*:}
export AWS_CA_BUNDLE="$work/tls/ca.pem" AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
account=$(kms sts get-caller-identity | sed -n 's/.*"Account": "\([0-9]*\)".*/\1/p')
took

step "Image with the application, kmstool_enclave_cli and the server's CA certificate"
cp -R "$examples" "$work/image"
cp "$out/share/redoubt/guest/kmstool_enclave_cli" "$work/image/"
cp "$work/tls/ca.pem" "$work/image/kms-ca.pem"
cp -R "$work/image" "$work/modified"
echo 'ENV MODIFIED=yes' >>"$work/modified/Dockerfile"
build_image modified "$work/modified"
build_image secret "$work/image"
printf '   PCR0 %s\n' "$pcr0"
took

step "The administrator: a role for the parent, two keys for this PCR0, and the secret encrypted"
cat >"$work/trust.json" <<POLICY
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$account:root"},
 "Action": "sts:AssumeRole"}]}
POLICY
kms iam create-role --role-name parent --assume-role-policy-document "file://$work/trust.json" >/dev/null
key=$(make_key '')
bound_key=$(make_key '
 {"Sid": "OnlyBoundRequests", "Effect": "Deny", "Principal": "*", "Resource": "*", "Action": "kms:Decrypt",
  "Condition": {"Bool": {"redoubt:RequestBound": "false"}}},')
secret=$(encrypt "$password" "$key")
bound_secret=$(encrypt "$password" "$bound_key")
other_secret=$(encrypt "what the parent would rather have" "$bound_key")
kms sts assume-role --role-arn "arn:aws:iam::$account:role/parent" --role-session-name demo >"$work/session.json"
echo '   key policy: Deny kms:Decrypt unless kms:RecipientAttestation:PCR0 is the image'"'"'s'
took

# From here on nobody is administrator.
AWS_ACCESS_KEY_ID=$(json AccessKeyId "$work/session.json")
AWS_SECRET_ACCESS_KEY=$(json SecretAccessKey "$work/session.json")
AWS_SESSION_TOKEN=$(json SessionToken "$work/session.json")
export AWS_SESSION_TOKEN

step "The enclave: document from /dev/nsm, TLS through vsock-proxy, the secret sealed for it alone"
# A name in the allowlist opens no loopback address: this one is listed itself.
printf 'allowlist:\n- {address: 127.0.0.1, port: %s}\n' "$port" >"$work/allowlist.yaml"
vsock-proxy --config "$work/allowlist.yaml" --listen local 8000 127.0.0.1 "$port" 2>"$work/proxy.log" &
pids="$pids $!"
run_image secret
printf '   asked "%s": ' "$password"
ask "$secret" "$key"
printf '   audit log: %s allowed by %s\n' "$(recorded eventName)" "$(recorded by)"
printf '   the same under the key that wants the document bound to its request: '
ask "$bound_secret" "$bound_key" --bind-request
# Whoever runs the key server has the document: its audit log keeps it.
document=$audit/documents/$(recorded attestationDocumentSha256)
took

step "What is refused"
printf '%s' "$secret" | base64 -d >"$work/secret.bin"
printf '   (a) '
refused "the parent, same credentials, no document" OnlyThisImage kms kms decrypt --ciphertext-blob "fileb://$work/secret.bin"

quietly nitro-cli terminate-enclave --all >/dev/null

run_image secret --debug-mode
printf '   (b) '
refused "a debug enclave of the same image" RD_VERIFY_DEBUG ask "$secret" "$key"
quietly nitro-cli terminate-enclave --all >/dev/null

run_image modified
printf '   (c) '
refused "a modified image" OnlyThisImage ask "$secret" "$key"
printf '   its PCR0: %s\n' "$(recorded 0)"

# The document of the bound call, beside the ciphertext of something else under the same key.
printf '   (d) '
refused "a replayed document beside another ciphertext" OnlyBoundRequests decrypt_with "$bound_key" "$other_secret" "$document"
printf '   requestBound: %s\n' "$(recorded requestBound)"

# The parent's own key where the enclave's was, so that the answer would be sealed for the parent.
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null | openssl pkey -pubout -outform DER >"$work/own.der"
at=$(LC_ALL=C grep -obUaP '\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01' "$document" | head -n 1 | cut -d: -f1)
cp "$document" "$work/swapped"
chmod u+w "$work/swapped"
dd if="$work/own.der" of="$work/swapped" bs=1 seek="$at" conv=notrunc status=none
printf '   (e) '
refused "a genuine document with the parent's key put in" RD_VERIFY_SIGNATURE decrypt_with "$key" "$secret" "$work/swapped"
took

step "The audit log: verified, then one byte changed in a copy of it"
kill "$kms_pid"
wait "$kms_pid" || true
cp -R "$audit" "$work/copy"
redoubt audit verify "$work/copy" | sed 's/^/   /'
log=$(find "$work/copy" -name 'log-*' | sort | head -n 1)
flip_byte "$log" $(($(wc -c <"$log") / 2))
must_refuse "one byte changed" redoubt audit verify "$work/copy"
took

printf '\n%s\n' "Only the image got the secret. Total $(($(now_ms) - began)) ms."
