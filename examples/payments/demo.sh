#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Card payments: a page that seals the card to an attested enclave, a server that never has it, an enclave whose keys are for
# its image alone, a gateway at the other end of the enclave's TLS. Then who attacks it, and what becomes of that; then the
# evidence for an auditor, and a new version of the image that takes over. Each step with its time.
#
# usage: demo.sh [OUT]   OUT: the installed tree, by default ./out
# Everything that it makes lives in a temporary directory (REDOUBT_HOME) and goes with it, but for the pictures, which are in
# ./build/payments-demo, or in $SCREENSHOTS.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "${1:-$here/../../out}" && pwd)
name="payments"
# shellcheck source=examples/common.sh
. "$here/../common.sh"

pictures=${SCREENSHOTS:-$here/../../build/payments-demo}
mkdir -p "$pictures"
pictures=$(cd "$pictures" && pwd)
good=4111111111111111
declined=4000000000000002
invalid=9999999999999995
cvv=737
kms_name=kms.local-1.amazonaws.com
gateway_name=gateway.payments.example
audit=$REDOUBT_HOME/state/kms/audit
kms() { aws --endpoint-url "$kms_url" --output json "$@"; }

# $1: its log's name, $2: what it says there when it serves; then the command. Its pid goes to $pid.
serve() {
  its_log=$work/$1.log
  its_word=$2
  shift 2
  : >"$its_log"
  "$@" >"$its_log" 2>&1 &
  pid=$!
  pids="$pids $pid"
  until grep -q "$its_word" "$its_log"; do
    kill -0 "$pid" || { cat "$its_log" >&2 && exit 1; }
    sleep 0.1
  done
}
# Somebody on the way: $1: a name for the copy of what goes by, $2: from, $3: to; more options. Its port goes to $port.
put_between() {
  its_name=$1
  from=$2
  to=$3
  shift 3
  serve "between-$its_name" . "$here/between" "$@" "$work/copies/$its_name" "$from" "$to"
  port=$(cat "$work/between-$its_name.log")
}
# $1: a folder for nitro-cli build-enclave; the image is $1.eif, its PCR0 is in $pcr0 then.
build_image() {
  quietly nitro-cli build-enclave --docker-uri "$1:demo" --docker-dir "$work/$1" --output-file "$work/$1.eif" \
    >"$work/build.json"
  pcr0=$(json PCR0 "$work/build.json")
}
# An enclave of image $1: its vsock socket is in $enclave then.
run_image() {
  quietly nitro-cli run-enclave --cpu-count 1 --memory 256 --eif-path "$work/$1.eif" >"$work/run.json"
  id=$(json EnclaveID "$work/run.json")
  enclave=$REDOUBT_HOME/run/enclaves/${id##*-enc}/vsock.sock
}
# The policy of the key, for the images whose PCR0 are given: the server's role may use it with their documents alone.
write_policy() {
  images=''
  for one in "$@"; do images="$images${images:+, }\"$one\""; done
  cat >"$work/policy.json" <<POLICY
{"Version": "2012-10-17", "Statement": [
 {"Sid": "Administration", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$account:root"}, "Resource": "*",
  "Action": ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy", "kms:CreateAlias"]},
 {"Sid": "TheseImages", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$account:role/payments"}, "Resource": "*",
  "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
  "Condition": {"StringEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": [$images]}}}]}
POLICY
}
put_policy() {
  write_policy "$@"
  kms kms put-key-policy --key-id "$key" --policy-name default --policy "file://$work/policy.json"
}
# What the page is to believe: the root, and images as name and PCR0 in turn.
write_pins() {
  python3 -c 'import json, sys
images = [{"name": name, "pcrs": {"0": pcr0}} for name, pcr0 in zip(sys.argv[2::2], sys.argv[3::2])]
print(json.dumps({"roots": [open(sys.argv[1]).read()], "images": images}))' "$(redoubt pki root)" "$@" \
    >"$work/pages/pins.json"
}
# The sockets of the enclaves, best first.
write_config() {
  {
    printf 'listen: "127.0.0.1:0"\npages: %s\ncredentials: file:%s\nenclaves:\n' "$work/pages" "$work/session.json"
    for one in "$@"; do printf -- '- unix:%s\n' "$one"; done
  } >"$work/server/server.yaml"
}
admin() { "$examples/payments-server" --config "$work/server/server.yaml" "$@"; }
# As API key $1: method, path, more for curl.
api() {
  its_key=$1
  method=$2
  path=$3
  shift 3
  curl --silent --show-error -X "$method" -H "Authorization: Bearer $its_key" "$@" "$server$path"
}
# A member's text in JSON of one line.
member() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }
# An order over $1 cents: its id is in $order then.
make_order() {
  order=$(api "$till" POST /v1/orders -d "{\"amount\":$1,\"currency\":\"EUR\",\"reference\":\"A-$1\"}" | member id)
}
page_of() { echo "$1/checkout.html?order=$order"; }
browse() { "$here/browse" "$pictures" "$@"; }
# Pays order $order in the page: picture $1, card $2, how it must end $3.
pay() {
  browse pay "$1" "$(page_of "$page")" "$2" 12/31 "$cvv" >"$work/said" || { cat "$work/said" >&2 && exit 1; }
  line=$(tail -n 1 "$work/said")
  printf '   %s: %s\n' "$2" "$line"
  case $line in "$3:"*) ;; *) echo "   this card should have been $3" >&2 && exit 1 ;; esac
}
# Until a file has a text: a start takes seconds, on a busy machine many times that.
await() {
  for _ in $(seq 3000); do
    ! grep -q "$2" "$1" || return 0
    sleep 0.1
  done
  echo "$1: no '$2': $(tail -n 5 "$1")" >&2
  exit 1
}
# The same of the server, which has said it $2 times before.
await_more() {
  for _ in $(seq 3000); do
    [ "$(grep -c "$1" "$work/server.log")" -le "$2" ] || return 0
    sleep 0.1
  done
  echo "the server does not say '$1': $(tail -n 5 "$work/server.log")" >&2
  exit 1
}
# Authorisations that the gateway has approved.
charges() {
  "$examples/payments-gateway" --report "$work/gateway" | python3 -c 'import json, sys
print(sum(o["kind"] == "authorise" and o["response"] == "00" for o in json.load(sys.stdin)["operations"]))'
}
# Of the last use of the key in redoubt-kms's audit log: a member's value.
recorded() {
  redoubt audit show "$audit" | grep '"eventName":"\(Decrypt\|GenerateDataKey\)"' | tail -n 1 |
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

step "redoubtd, redoubt-kms and payments-gateway: three programs, each with a certificate of its own"
mkdir -p "$REDOUBT_HOME/config" "$work/copies" "$work/server"
redoubtd >"$work/redoubtd.log" 2>&1 &
pids="$pids $!"
until redoubt pki root >/dev/null 2>&1; do
  kill -0 "$!" || { cat "$work/redoubtd.log" >&2 && exit 1; }
  sleep 0.1
done
redoubt pki tls --name "$kms_name" --name 127.0.0.1 --out "$work/kms-tls" >/dev/null
redoubt pki tls --name "$gateway_name" --out "$work/gateway-tls" >/dev/null
cat >"$REDOUBT_HOME/config/kms.yaml" <<CONFIG
listen: "127.0.0.1:0"
metrics: off
tls_certificate: $work/kms-tls/server.pem
tls_key: $work/kms-tls/server.key
CONFIG
serve kms 'serves https' redoubt-kms
kms_pid=$pid
eval "$(sed -n 's/^[[:space:]]*\(export AWS_[A-Z_]*=[A-Za-z0-9+/:._-]*\)$/\1/p' "$work/kms.log")"
kms_url=$AWS_ENDPOINT_URL
unset AWS_ENDPOINT_URL
export AWS_CA_BUNDLE="$work/kms-tls/ca.pem" AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
account=$(kms sts get-caller-identity | sed -n 's/.*"Account": "\([0-9]*\)".*/\1/p')
# The card with this number is declined, whatever the amount.
printf '0100 last4=%s decline=05\n' "$(printf %s "$declined" | tail -c 4)" >"$work/script"
serve gateway 'listening on port' "$examples/payments-gateway" --state "$work/gateway" --cert "$work/gateway-tls/server.pem" \
  --key "$work/gateway-tls/server.key" --listen 127.0.0.1:0 --script "$work/script"
gateway_port=$(sed -n 's/listening on port //p' "$work/gateway.log")
printf '   redoubt-kms at %s, the gateway at 127.0.0.1:%s\n' "$kms_url" "$gateway_port"
took

step "The image: a static program, its configuration, and the certificates that vouch for key server and gateway"
mkdir "$work/image"
cp "$examples/Dockerfile" "$examples/payments-enclave" "$examples/config.json" "$examples/policy.json" "$work/image/"
cp "$work/kms-tls/ca.pem" "$work/image/kms-ca.pem"
cp "$work/gateway-tls/ca.pem" "$work/image/gateway-ca.pem"
cp -R "$work/image" "$work/modified"
echo >>"$work/modified/config.json"
cp -R "$work/image" "$work/second"
sed -i 's/"version": 1,/"version": 2,/' "$work/second/config.json"
build_image modified
modified_pcr0=$pcr0
build_image second
second_pcr0=$pcr0
build_image image
printf '   PCR0 %s\n' "$pcr0"
took

step "The administrator: a role for the server, and a key that only this image can use"
cat >"$work/trust.json" <<POLICY
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$account:root"},
 "Action": "sts:AssumeRole"}]}
POLICY
kms iam create-role --role-name payments --assume-role-policy-document "file://$work/trust.json" >/dev/null
write_policy "$pcr0"
kms kms create-key --policy "file://$work/policy.json" >"$work/key.json"
key=$(json KeyId "$work/key.json")
kms kms create-alias --alias-name alias/payments --target-key-id "$key"
kms sts assume-role --role-arn "arn:aws:iam::$account:role/payments" --role-session-name server >"$work/session.json"
redoubt kms lint-policy "$work/policy.json" | sed 's/^/   /'
took

step "The enclave, the ways out of it, and the server; somebody listens on every way"
put_between gateway tcp:127.0.0.1:0 "tcp:127.0.0.1:$gateway_port"
gateway_way=$port
kms_port=${kms_url##*:}
# A name in the allowlist opens no loopback address: these are listed themselves.
printf 'allowlist:\n- {address: 127.0.0.1, port: %s}\n- {address: 127.0.0.1, port: %s}\n' "$kms_port" "$gateway_way" \
  >"$work/allowlist.yaml"
proxies=''
for way in "8443 $kms_port" "8583 $gateway_way"; do
  vsock-proxy --config "$work/allowlist.yaml" --listen local "${way% *}" 127.0.0.1 "${way#* }" 2>"$work/proxy-${way% *}.log" &
  proxies="$proxies pid:$!"
  pids="$pids $!"
done
run_image image
first=$enclave
first_id=$id
put_between enclave "unix:$work/link.sock" "unix:$first"
cp -R "$here/web" "$work/pages"
write_pins payments-1 "$pcr0"
write_config "$work/link.sock"
merchant=$(admin --add-merchant 'Corner Books')
till=$(admin --add-key merchant --name till --merchant "$merchant")
viewer=$(admin --add-key viewer --name viewer)
serve server 'serves http' "$examples/payments-server" --config "$work/server/server.yaml"
server_pid=$pid
server=$(sed -n 's/.*serves \(http[^ ,]*\).*/\1/p' "$work/server.log" | head -n 1)
await "$work/server.log" 'the enclave serves'
sed -n 's/^.*\(the enclave serves.*\)/   \1/p' "$work/server.log"
put_between page tcp:127.0.0.1:0 "tcp:127.0.0.1:${server##*:}"
page=http://127.0.0.1:$port
printf '   the key server allowed %s: %s\n' "$(recorded eventName)" "$(recorded by)"
took

step "A customer pays, on a phone: a card that is approved, one that is declined, one that does not exist"
make_order 1250
paid=$order
pay approved "$good" approved
make_order 4200
pay declined "$declined" declined
make_order 800
# The page would see a typing error itself; this one has a right check digit, and no brand.
pay invalid "$invalid" invalid
took

step "The merchant: capture; the operator: every payment, and the audit log, verified in the page"
payment=$(api "$till" GET "/v1/orders/$paid" | member payment)
printf '   capture: %s\n' "$(api "$till" POST "/v1/payments/$payment/capture" | member state)"
printf '   %s\n' "$(browse operator operator "$page/operator.html" "$viewer" | tail -n 1)"
took

step "Attack: a copy of all that the server has and says"
redoubt audit show "$audit" >"$work/kms-audit.txt"
printf '   searched for %s, and to see that the search works for the same card masked\n' "$good"
# Of other programs' memory an ordinary user may read none of those that are not dumpable: 3.
search() { "$here/find-number" "$good" "$@" || { [ $? = 3 ] && [ "$(id -u)" != 0 ] && everything=', as far as this user may look'; }; }
everything=''
search '411111******1111' "pid:$server_pid" "$work/server" "$work/copies/page" "$work/copies/enclave" >"$work/found" ||
  { cat "$work/found" >&2 && exit 1; }
# shellcheck disable=SC2086 # a list
search '?411111******1111' $proxies "$work/copies/gateway" "$work/server.log" "$work/kms.log" "$work/kms-audit.txt" \
  "$work/gateway.log" "$work/gateway" >>"$work/found" || { cat "$work/found" >&2 && exit 1; }
sed "s|$work/||; s/^/   /" "$work/found"
took

step "Attack: a sealed card sent again, under the same order and under another"
before=$(charges)
tail -c +1 "$work/copies/page" | LC_ALL=C grep -a -o '{"order":"ord_[^}]*}' | head -n 1 >"$work/body"
used=$(LC_ALL=C grep -a -i -o 'idempotency-key: [A-Za-z0-9_-]*' "$work/copies/page" | head -n 1 | cut -d' ' -f2)
again() { curl --silent --show-error -H "Idempotency-Key: $1" --data-binary "@$2" "$server/v1/payments"; }
printf '   the same request:    %s\n' "$(again "$used" "$work/body" | member state), the first payment again"
printf '   under a new key:     %s\n' "$(again another-key "$work/body" | member code)"
make_order 900000
sed "s/ord_[^\"]*/$order/" "$work/body" >"$work/other"
printf '   for another order:   %s\n' "$(again other-order "$work/other" | member code)"
[ "$(charges)" = "$before" ] || { echo 'the gateway has charged again' >&2 && exit 1; }
printf '   approved at the gateway before and after: %s\n' "$before"
took

step "Attack: a server that gives the page another key, or an old document"
make_order 700
for how in key replay; do
  put_between "$how" tcp:127.0.0.1:0 "tcp:127.0.0.1:${server##*:}" --alter "$how"
  # The first document that goes by is the one that is given out for ever.
  [ "$how" = key ] || curl --silent --output /dev/null "http://127.0.0.1:$port/v1/attestation?nonce=00112233445566778899aabbccddeeff"
  said=$(browse look "tampered-$how" "$(page_of "http://127.0.0.1:$port")" | tail -n 1)
  case $said in refused:*) ;; *) echo "the page believes it: $said" >&2 && exit 1 ;; esac
  sent=$(LC_ALL=C grep -a -c 'POST /v1/payments' "$work/copies/$how" || true)
  printf '   %s: %s\n   cards sent: %s\n' "$how" "$said" "$sent"
  [ "$sent" = 0 ] || exit 1
done
took

step "Attack: a modified image (one byte more in its configuration)"
run_image modified
modified=$enclave
write_config "$modified" "$work/link.sock"
kill -HUP "$server_pid"
await "$work/server.log" 'it does not start'
sed -n 's/^.*\(it does not start.*\)/   the server: \1/p' "$work/server.log" | head -n 1
why=$(recorded by)
[ "$(recorded errorCode)" = AccessDeniedException ] || { echo "the key server did not refuse: $(recorded errorCode)" >&2 && exit 1; }
printf '   redoubt-kms: %s, %s: %s\n   its PCR0: %s\n' "$(recorded eventName)" "$(recorded errorCode)" "$why" "$modified_pcr0"
write_config "$work/link.sock"
kill -HUP "$server_pid"
quietly nitro-cli terminate-enclave --enclave-id "$id" >/dev/null
took

step "A new version of the image: both in the policy, the new one takes over, then the old one is locked out"
put_policy "$pcr0" "$second_pcr0"
write_pins payments-1 "$pcr0" payments-2 "$second_pcr0"
run_image second
second=$enclave
write_config "$second" "$work/link.sock"
kill -HUP "$server_pid"
await "$work/server.log" 'image version 2'
sed -n 's/^.*\(the enclave serves: image version 2.*\)/   \1/p' "$work/server.log" | head -n 1
make_order 3100
pay upgraded "$good" approved
put_policy "$second_pcr0"
# An enclave that has its keys keeps them until it ends: the old one ends, and another of its image gets none.
quietly nitro-cli terminate-enclave --enclave-id "$first_id" >/dev/null
run_image image
refusals=$(grep -c 'it does not start' "$work/server.log" || true)
write_config "$enclave" "$second"
kill -HUP "$server_pid"
await_more 'it does not start' "$refusals"
[ "$(recorded errorCode)" = AccessDeniedException ] || { echo "version 1 still gets its keys" >&2 && exit 1; }
printf '   version 1, started again: redoubt-kms: %s, %s: %s\n' "$(recorded eventName)" "$(recorded errorCode)" "$(recorded by)"
put_policy "$pcr0" "$second_pcr0"
took

step "The evidence, for an auditor who has nothing but the root: make, verify"
for one in "$server_pid" "$kms_pid"; do
  kill "$one"
  wait "$one" || true
done
admin --export-log "$work/export" | sed "s|$work/||; s/^/   /"
redoubt evidence make --log "$work/export" --image "$work/image.eif" --image "$work/second.eif" \
  --witness "$work/gateway/witness.log" --kms-log "$audit" --policy "$work/policy.json" "$work/evidence" >/dev/null
cp "$(redoubt pki root)" "$work/root.pem"
redoubt evidence verify --root "$work/root.pem" "$work/evidence" >"$work/verified"
sed 's/^/   /' "$work/verified"
took

step "Attack: one byte of the audit log"
log=$(find "$work/evidence/log" -name 'log-*' | sort | head -n 1)
flip_byte "$log" $(($(wc -c <"$log") / 2))
must_refuse "the log alone" redoubt audit verify "$work/evidence/log"
must_refuse "the evidence" redoubt evidence verify --root "$work/root.pem" "$work/evidence"
took

printf '\nPictures: %s\n%s\n' "$pictures" "No card number outside page, enclave and gateway$everything. Total $(($(now_ms) - began)) ms."
