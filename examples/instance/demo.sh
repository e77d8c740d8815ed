#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A parent instance by the EC2 API, and in it an enclave: the three commands of every lesson about Nitro Enclaves, as they
# stand but for the endpoint. Each step with its time.
#
# usage: demo.sh [OUT]   OUT: the installed tree, by default ./out
# Everything that it makes lives in a temporary directory (REDOUBT_HOME) and goes with it, but for downloaded packages.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "${1:-$here/../../out}" && pwd)
name="instance"
# shellcheck source=examples/common.sh
. "$here/../common.sh"

instance=''
# The instance's memory is the host's: it must not outlive this script.
end_instance() {
  [ -z "$instance" ] || aws ec2 terminate-instances --instance-ids "$instance" --endpoint-url "$ec2" >/dev/null 2>&1 || true
  for _ in $(seq 150); do
    [ -n "$(ls "$REDOUBT_HOME/run/instances" 2>/dev/null)" ] || break
    sleep 0.2
  done
}
trap 'status=$?; end_instance; (exit "$status"); finish' EXIT

# $1: a program, $2: its arguments' first, $3: what its log says when it serves; its pid goes to $pids.
serve() {
  program=$1
  "$program" >"$work/$program.out" 2>"$work/$program.log" &
  pids="$pids $!"
  pid=$!
  until grep -q "$2" "$work/$program.log"; do
    kill -0 "$pid" || { cat "$work/$program.log" >&2 && exit 1; }
    sleep 0.1
  done
}
in_instance() {
  ssh -q -i "$work/key.pem" -p "$ssh_port" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=30 ec2-user@127.0.0.1 "$@"
}
# Of the instance: what --query says.
about() { aws ec2 describe-instances --instance-ids "$instance" --query "Reservations[0].Instances[0].$1" --output text \
  --endpoint-url "$ec2"; }

for program in redoubt-ec2 redoubt-net; do
  if [ ! -x "$out/bin/$program" ] && [ ! -x "$out/libexec/redoubt/$program" ]; then
    echo "demo: this build has no $program" >&2
    exit 1
  fi
done

step "redoubtd, redoubt-kms for identities, redoubt-ec2"
mkdir -p "$REDOUBT_HOME/config" "$REDOUBT_HOME/state/images"
printf 'listen: "127.0.0.1:0"\nmetrics: off\n' >"$REDOUBT_HOME/config/kms.yaml"
printf 'listen: "127.0.0.1:0"\n' >"$REDOUBT_HOME/config/ec2.yaml"
redoubtd >"$work/redoubtd.log" 2>&1 &
pids="$pids $!"
until redoubt pki root >/dev/null 2>&1; do
  kill -0 "$!" || { cat "$work/redoubtd.log" >&2 && exit 1; }
  sleep 0.1
done
serve redoubt-kms 'serves http'
eval "$(sed -n 's/^[[:space:]]*\(export AWS_[A-Z_]*=[A-Za-z0-9+/:._-]*\)$/\1/p' "$work/redoubt-kms.out")"
serve redoubt-ec2 'serves http'
ec2=$(sed -n 's/.*serves \(http[^ ]*\).*/\1/p' "$work/redoubt-ec2.log" | head -n 1)
unset AWS_ENDPOINT_URL
export AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=local-1 AWS_DEFAULT_OUTPUT=json
printf '   EC2 API at %s\n' "$ec2"
took

step "The image: Debian with ssh, Docker and nitro-cli (from the cache, if it is there)"
image=$REDOUBT_HOME/state/images/parent.qcow2
redoubt ami build --output "$image" --endpoint-url "$ec2" --image-id ami-12345678 2>"$work/messages" ||
  { cat "$work/messages" >&2 && exit 1; }
took

step "A key pair, and port 22 of the default security group"
aws ec2 create-key-pair --key-name demo --query KeyMaterial --output text --endpoint-url "$ec2" >"$work/key.pem"
chmod 600 "$work/key.pem"
aws ec2 authorize-security-group-ingress --group-name default --protocol tcp --port 22 --cidr 127.0.0.1/32 \
  --endpoint-url "$ec2" >/dev/null
took

step "aws ec2 run-instances --image-id ami-12345678 --instance-type m5.large --enclave-options Enabled=true"
aws ec2 run-instances --image-id ami-12345678 --instance-type m5.large --enclave-options Enabled=true --key-name demo \
  --endpoint-url "$ec2" >"$work/instance.json"
instance=$(json InstanceId "$work/instance.json")
printf '   %s\n' "$instance"
took

step "Until ssh answers"
aws ec2 wait instance-running --instance-ids "$instance" --endpoint-url "$ec2"
# shellcheck disable=SC2016 # JMESPath, not the shell's
ssh_port=$(about 'Tags[?Key==`redoubt:tcp:22`]|[0].Value')
ssh_port=${ssh_port##*:}
tries=0
until in_instance true; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || { aws ec2 get-console-output --instance-id "$instance" --output text --endpoint-url "$ec2" >&2 && exit 1; }
  sleep 1
done
printf '   ssh -p %s ec2-user@127.0.0.1: %s\n' "$ssh_port" "$(in_instance hostname)"
took

step "An application, as a Docker image (in the parent)"
in_instance 'mkdir app && cp /usr/share/redoubt/guest/nsm-cli app/ && cat >app/Dockerfile' <<'DOCKERFILE'
FROM scratch
COPY nsm-cli /nsm-cli
CMD ["/nsm-cli", "describe-nsm"]
DOCKERFILE
in_instance 'docker build -q -t my-secure-app:latest app' >/dev/null
took

step "nitro-cli build-enclave --docker-uri my-secure-app:latest --output-file my-app.eif"
in_instance 'nitro-cli build-enclave --docker-uri my-secure-app:latest --output-file my-app.eif' >"$work/build.json"
printf '   PCR0 %s\n' "$(json PCR0 "$work/build.json")"
took

step "nitro-cli run-enclave --eif-path my-app.eif --memory 512 --cpu-count 2"
in_instance 'nitro-cli run-enclave --eif-path my-app.eif --memory 512 --cpu-count 2' >"$work/run.json"
printf '   %s\n' "$(json EnclaveID "$work/run.json")"
took

step "What the hypervisor has: redoubt instances"
redoubt instances | sed 's/^/   /'
took

step "Terminate: nothing is left"
aws ec2 terminate-instances --instance-ids "$instance" --endpoint-url "$ec2" >/dev/null
aws ec2 wait instance-terminated --instance-ids "$instance" --endpoint-url "$ec2"
instance=''
left=$(find "$REDOUBT_HOME/run/instances" "$REDOUBT_HOME/run/enclaves" -mindepth 1)
[ -z "$left" ] || { echo "left behind: $left" >&2 && exit 1; }
took
printf '\ndone in %d s\n' $((($(now_ms) - began) / 1000))
