# SPDX-License-Identifier: Apache-2.0
# Of the examples' demo.sh: a home of their own that goes with them, steps with their times, refusals that must happen.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # here, name and out are the script's; what is unused here is for it
# Sourced with $here (the example's directory), $name (its name) and $out (the installed tree) set.
PATH=$out/bin:$PATH
examples=$out/share/redoubt/examples/$name
work=$(mktemp -d /tmp/redoubt-demo.XXXXXX)
export REDOUBT_HOME="$work/home"
mkdir -m 700 "$REDOUBT_HOME"
pids=''

finish() {
  status=$?
  nitro-cli terminate-enclave --all >/dev/null 2>&1 || true
  for pid in $pids $(cat "$REDOUBT_HOME/run/redoubtd.lock" 2>/dev/null); do
    kill "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

now_ms() { date +%s%3N; }
began=$(now_ms)
step() { printf '\n%s\n' "== $1"; t0=$(now_ms); }
took() { printf '   (%d ms)\n' $(($(now_ms) - t0)); }
# A command whose messages matter only when it fails.
quietly() {
  "$@" 2>"$work/messages" || {
    cat "$work/messages" >&2
    exit 1
  }
}
# A member's value in JSON of one member a line.
json() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$2" | head -n 1; }
must_refuse() {
  what=$1
  shift
  code=0
  line=$("$@" 2>&1 >/dev/null) || code=$?
  if [ "$code" -eq 0 ]; then
    echo "   $what: ACCEPTED, and must not be" >&2
    exit 1
  fi
  printf '   %-18s exit %d: %s\n' "$what" "$code" "$(printf '%s\n' "$line" | head -n 1)"
}
# Another value for one byte of a file.
flip_byte() {
  byte=$(od -An -j"$2" -N1 -tu1 "$1" | tr -d ' ')
  # shellcheck disable=SC2059 # the format is the octal escape itself
  printf "\\$(printf '%03o' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
