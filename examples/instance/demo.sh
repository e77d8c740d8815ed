#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A parent instance by the EC2 API, and in it an enclave: the three commands of every lesson about Nitro Enclaves, as they
# stand but for the endpoint. Then a key that is for this image, under this role, in this instance: the enclave uses it, the
# parent's root and the same image in another instance do not. Each step with its time.
#
# usage: demo.sh [OUT]   OUT: the installed tree, by default ./out
# Everything that it makes lives in a temporary directory (REDOUBT_HOME) and goes with it, but for downloaded packages.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "${1:-$here/../../out}" && pwd)
name="instance"
# shellcheck source=examples/common.sh
. "$here/../common.sh"

instances=''
password='open sesame'
server=kms.local-1.amazonaws.com
audit=$REDOUBT_HOME/state/kms/audit
ec2() { aws --endpoint-url "$ec2_url" ec2 "$@"; }
kms() { aws --endpoint-url "$kms_url" "$@"; }

# An instance's memory is the host's: it must not outlive this script.
end_instances() {
  # shellcheck disable=SC2086 # a list
  [ -z "$instances" ] || ec2 terminate-instances --instance-ids $instances >/dev/null 2>&1 || true
  for _ in $(seq 150); do
    [ -n "$(ls "$REDOUBT_HOME/run/instances" 2>/dev/null)" ] || break
    sleep 0.2
  done
}
trap 'status=$?; end_instances; (exit "$status"); finish' EXIT

# $1: a program, $2: what its log says when it serves; its pid goes to $pids.
serve() {
  "$1" >"$work/$1.out" 2>"$work/$1.log" &
  pids="$pids $!"
  until grep -q "$2" "$work/$1.log"; do
    kill -0 "$!" || { cat "$work/$1.log" >&2 && exit 1; }
    sleep 0.1
  done
}
# $1: the host's port that is the instance's port 22; then a command.
in_instance() {
  its_port=$1
  shift
  ssh -q -i "$work/key.pem" -p "$its_port" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=30 ec2-user@127.0.0.1 "$@"
}
# Of RunInstances' answer $1: the id goes to $instance, and to those that must end.
started() {
  instance=$(json InstanceId "$1")
  instances="$instances $instance"
  printf '   %s\n' "$instance"
}
# Waits for ssh to instance $1; the host's port is in $ssh_port then.
wait_for_ssh() {
  ec2 wait instance-running --instance-ids "$1"
  # shellcheck disable=SC2016 # JMESPath, not the shell's
  ssh_port=$(ec2 describe-instances --instance-ids "$1" --output text \
    --query 'Reservations[0].Instances[0].Tags[?Key==`redoubt:tcp:22`]|[0].Value')
  ssh_port=${ssh_port##*:}
  tries=0
  until in_instance "$ssh_port" true; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { ec2 get-console-output --instance-id "$1" --output text >&2 && exit 1; }
    sleep 1
  done
  printf '   ssh -p %s ec2-user@127.0.0.1: %s\n' "$ssh_port" "$(in_instance "$ssh_port" hostname)"
}
# What a register holds that was extended once with a text: PCR3 with the role's ARN, PCR4 with the instance's id.
register_of() { { head -c 48 /dev/zero && printf %s "$1"; } | sha384sum | cut -d' ' -f1; }
# Of the last Decrypt in the audit log: a member's value.
recorded() {
  redoubt audit show "$audit" | grep '"eventName":"Decrypt"' | tail -n 1 | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}
# $1: what; $2: the statement that must have decided; then a command that must fail.
refused() {
  what=$1
  wanted=$2
  shift 2
  if "$@" >"$work/answer" 2>&1; then
    echo "$what: ANSWERED, and must not be: $(cat "$work/answer")" >&2
    exit 1
  fi
  why=$(recorded by)
  case $why in
  *"$wanted"*) ;;
  *)
    echo "$what: refused for another reason, $why: $(cat "$work/answer")" >&2
    exit 1
    ;;
  esac
  printf '   %s: refused\n   audit log: %s, %s: %s\n' "$what" "$(recorded eventName)" "$(recorded errorCode)" "$why"
}
# Starts, in the instance at port $1, the way from its enclaves to the key server.
start_proxy() {
  in_instance "$1" "printf 'allowlist:\n- {address: %s, port: %s}\n' $address $kms_port >app/allowlist.yaml &&
    { setsid vsock-proxy --config app/allowlist.yaml 8000 $address $kms_port >proxy.log 2>&1 </dev/null & }"
}
# Asks the enclave of the instance at port $1 with the credentials of its role.
ask() {
  in_instance "$1" "app/ask-as-role '$password' --region local-1 --ca-file /kms-ca.pem --ciphertext '$secret' --key-id '$key' \
    --encryption-algorithm SYMMETRIC_DEFAULT"
}

# An address of this host that instances reach: never its loopback.
address=$(hostname -I | tr ' ' '\n' | grep -m 1 '^[0-9.]*$') ||
  { echo 'demo: this host has no IPv4 address but its loopback: instances cannot reach its key server' >&2 && exit 1; }

step "redoubtd; redoubt-kms for identities and keys; redoubt-ec2"
mkdir -p "$REDOUBT_HOME/config" "$REDOUBT_HOME/state/images"
redoubtd >"$work/redoubtd.log" 2>&1 &
pids="$pids $!"
until redoubt pki root >/dev/null 2>&1; do
  kill -0 "$!" || { cat "$work/redoubtd.log" >&2 && exit 1; }
  sleep 0.1
done
redoubt pki tls --name "$server" --name "$address" --out "$work/tls" >/dev/null
cat >"$REDOUBT_HOME/config/kms.yaml" <<CONFIG
listen: "$address:0"
metrics: off
tls_certificate: $work/tls/server.pem
tls_key: $work/tls/server.key
CONFIG
printf 'listen: "127.0.0.1:0"\nmetrics: off\n' >"$REDOUBT_HOME/config/ec2.yaml"
serve redoubt-kms 'serves https'
eval "$(sed -n 's/^[[:space:]]*\(export AWS_[A-Z_]*=[A-Za-z0-9+/:._-]*\)$/\1/p' "$work/redoubt-kms.out")"
kms_url=$AWS_ENDPOINT_URL
kms_port=${kms_url##*:}
serve redoubt-ec2 'serves http'
ec2_url=$(sed -n 's/.*serves \(http[^ ,]*\).*/\1/p' "$work/redoubt-ec2.log" | head -n 1)
unset AWS_ENDPOINT_URL
export AWS_CA_BUNDLE="$work/tls/ca.pem" AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=local-1 \
  AWS_DEFAULT_OUTPUT=json
account=$(kms sts get-caller-identity | sed -n 's/.*"Account": "\([0-9]*\)".*/\1/p')
printf '   EC2 API at %s, KMS, IAM and STS at %s\n' "$ec2_url" "$kms_url"
took

step "The image: Debian with ssh, Docker and nitro-cli (packages from the cache, if they are there)"
quietly redoubt ami build --output "$REDOUBT_HOME/state/images/parent.qcow2" --endpoint-url "$ec2_url" \
  --image-id ami-12345678 | sed 's/^/   /'
took

step "A key pair, port 22 of the default security group, two roles and their instance profiles"
ec2 create-key-pair --key-name demo --query KeyMaterial --output text >"$work/key.pem"
chmod 600 "$work/key.pem"
ec2 authorize-security-group-ingress --group-name default --protocol tcp --port 22 --cidr 127.0.0.1/32 >/dev/null
cat >"$work/trust.json" <<'POLICY'
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
 "Action": "sts:AssumeRole"}]}
POLICY
for role in other parent; do
  kms iam create-role --role-name "$role" --assume-role-policy-document "file://$work/trust.json" >"$work/role-$role.json"
  kms iam create-instance-profile --instance-profile-name "$role" >/dev/null
  kms iam add-role-to-instance-profile --instance-profile-name "$role" --role-name "$role"
done
role_arn=$(json Arn "$work/role-parent.json")
other_arn=$(json Arn "$work/role-other.json")
printf '   %s\n' "$role_arn"
took

step "aws ec2 run-instances --image-id ami-12345678 --instance-type m5.large --enclave-options Enabled=true"
ec2 run-instances --image-id ami-12345678 --instance-type m5.large --enclave-options Enabled=true --key-name demo \
  --iam-instance-profile Name=parent >"$work/first.json"
started "$work/first.json"
first=$instance
took

step "Until ssh answers"
wait_for_ssh "$first"
first_port=$ssh_port
took

step "An application, as a Docker image (in the parent)"
cp -R "$out/share/redoubt/examples/secret-from-kms" "$work/app"
cp "$out/share/redoubt/guest/kmstool_enclave_cli" "$here/ask-as-role" "$work/app/"
cp "$work/tls/ca.pem" "$work/app/kms-ca.pem"
tar -C "$work" -cf - app | in_instance "$first_port" 'tar -xf -'
in_instance "$first_port" 'docker build -q -t my-secure-app:latest app' >/dev/null
took

step "nitro-cli build-enclave --docker-uri my-secure-app:latest --output-file my-app.eif"
quietly in_instance "$first_port" 'nitro-cli build-enclave --docker-uri my-secure-app:latest --output-file my-app.eif' \
  >"$work/build.json"
pcr0=$(json PCR0 "$work/build.json")
printf '   PCR0 %s\n' "$pcr0"
took

step "nitro-cli run-enclave --eif-path my-app.eif --memory 512 --cpu-count 2"
quietly in_instance "$first_port" 'nitro-cli run-enclave --eif-path my-app.eif --memory 512 --cpu-count 2' >"$work/run.json"
enclave=$(json EnclaveID "$work/run.json")
printf '   %s\n' "$enclave"
took

step "What the hypervisor has: redoubt instances"
redoubt instances | sed 's/^/   /'
took

step "A key for this image (PCR0), under this role (PCR3), in this instance (PCR4); a secret under it"
cat >"$work/policy.json" <<POLICY
{"Version": "2012-10-17", "Statement": [
 {"Sid": "Administration", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::$account:root"}, "Resource": "*",
  "Action": ["kms:Encrypt", "kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy"]},
 {"Sid": "Parent", "Effect": "Allow", "Principal": {"AWS": ["$role_arn", "$other_arn"]}, "Resource": "*", "Action": "kms:Decrypt"},
 {"Sid": "OnlyThisImage", "Effect": "Deny", "Principal": "*", "Resource": "*", "Action": "kms:Decrypt",
  "Condition": {"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": "$pcr0"}}},
 {"Sid": "OnlyThisRole", "Effect": "Deny", "Principal": "*", "Resource": "*", "Action": "kms:Decrypt",
  "Condition": {"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:PCR3": "$(register_of "$role_arn")"}}},
 {"Sid": "OnlyThisInstance", "Effect": "Deny", "Principal": "*", "Resource": "*", "Action": "kms:Decrypt",
  "Condition": {"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:PCR4": "$(register_of "$first")"}}}]}
POLICY
kms kms create-key --policy "file://$work/policy.json" >"$work/key.json"
key=$(json KeyId "$work/key.json")
printf %s "$password" >"$work/plaintext"
kms kms encrypt --key-id "$key" --plaintext "fileb://$work/plaintext" >"$work/encrypted.json"
secret=$(json CiphertextBlob "$work/encrypted.json")
printf '   %s\n' "$key"
took

step "The enclave: credentials from the instance's metadata, TLS through vsock-proxy, the secret for it alone"
start_proxy "$first_port"
printf '   asked "%s": %s\n' "$password" "$(ask "$first_port")"
printf '   audit log: %s allowed by %s\n' "$(recorded eventName)" "$(recorded by)"
took

step "The parent's root, with the same role (the AWS CLI finds it in the metadata)"
printf %s "$secret" | base64 -d | in_instance "$first_port" 'cat >secret.bin'
in_instance "$first_port" "sudo aws sts get-caller-identity --region local-1 --endpoint-url $kms_url --ca-bundle app/kms-ca.pem \
  --query Arn --output text" | sed 's/^/   /'
refused "root without a document" OnlyThisImage in_instance "$first_port" "sudo aws kms decrypt \
  --ciphertext-blob fileb://secret.bin --region local-1 --endpoint-url $kms_url --ca-bundle app/kms-ca.pem"
took

step "The same instance under another role, which has the same permission: stop, start, and an enclave of the same image"
association=$(ec2 describe-iam-instance-profile-associations --filters "Name=instance-id,Values=$first" --output text \
  --query 'IamInstanceProfileAssociations[0].AssociationId')
ec2 disassociate-iam-instance-profile --association-id "$association" >/dev/null
ec2 associate-iam-instance-profile --instance-id "$first" --iam-instance-profile Name=other >/dev/null
ec2 stop-instances --instance-ids "$first" >/dev/null
ec2 wait instance-stopped --instance-ids "$first"
ec2 start-instances --instance-ids "$first" >/dev/null
wait_for_ssh "$first"
first_port=$ssh_port
in_instance "$first_port" "sudo aws sts get-caller-identity --region local-1 --endpoint-url $kms_url --ca-bundle app/kms-ca.pem \
  --query Arn --output text" | sed 's/^/   /'
quietly in_instance "$first_port" 'nitro-cli run-enclave --eif-path my-app.eif --memory 512 --cpu-count 2' >"$work/run.json"
enclave=$(json EnclaveID "$work/run.json")
printf '   %s\n' "$enclave"
start_proxy "$first_port"
refused "the same image in the same instance, under another role" OnlyThisRole ask "$first_port"
took

step "A second instance, with the first role and the same image"
ec2 run-instances --image-id ami-12345678 --instance-type c5.large --enclave-options Enabled=true --key-name demo \
  --iam-instance-profile Name=parent >"$work/second.json"
started "$work/second.json"
second=$instance
wait_for_ssh "$second"
second_port=$ssh_port
tar -C "$work" -cf - app | in_instance "$second_port" 'tar -xf -'
in_instance "$first_port" 'cat my-app.eif' | in_instance "$second_port" 'cat >my-app.eif'
seen=$(in_instance "$second_port" 'nitro-cli describe-enclaves')
[ "$seen" = '[]' ] || { echo "the second instance sees enclaves: $seen" >&2 && exit 1; }
printf '   its nitro-cli describe-enclaves: %s\n' "$seen"
must_refuse "the first's enclave" in_instance "$second_port" "nitro-cli terminate-enclave --enclave-id $enclave"
quietly in_instance "$second_port" 'nitro-cli run-enclave --eif-path my-app.eif --memory 512 --cpu-count 2' >"$work/run.json"
printf '   %s\n' "$(json EnclaveID "$work/run.json")"
start_proxy "$second_port"
refused "the same image in another instance" OnlyThisInstance ask "$second_port"
redoubt instances | sed 's/^/   /'
took

step "Terminate: nothing is left"
ec2 terminate-instances --instance-ids "$first" "$second" >/dev/null
ec2 wait instance-terminated --instance-ids "$first" "$second"
instances=''
left=$(cd "$REDOUBT_HOME" && find run/instances run/enclaves run/imds state/instances -mindepth 1)
# What redoubtd starts for an instance or its enclaves has the instance's id among its arguments.
left=$left$(pgrep -af -- "$first|$second" || true)
[ -z "$left" ] || { echo "left behind: $left" >&2 && exit 1; }
echo '   no process, no socket, no disk'
took
printf '\ndone in %d s\n' $((($(now_ms) - began) / 1000))
