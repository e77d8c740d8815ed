# SPDX-License-Identifier: Apache-2.0
# Shell functions that the set-up scripts share. Sourced, POSIX sh, by scripts that have run "set -eu".
# shellcheck shell=sh

# Downloads and built kernels live outside the tree, so that "make clean" and a fresh clone keep them.
cache_dir=${REDOUBT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/redoubt}

# Progress goes to stderr, one line a step: stdout belongs to what a script answers.
say()
{
  printf 'redoubt: %s\n' "$*" >&2
}

die()
{
  printf 'redoubt: error: %s\n' "$*" >&2
  exit 1
}

# run_quietly LOG COMMAND...: the command's output is shown only when it fails.
run_quietly()
{
  log=$1
  shift
  if "$@" >"$log" 2>&1 </dev/null; then
    return 0
  fi
  tail -n 15 "$log" >&2
  return 1
}

# with_lock NAME COMMAND...: two builds on one machine share the cache, one at a time.
with_lock()
{
  mkdir -p "$cache_dir"
  lock=$cache_dir/$1.lock
  shift
  flock "$lock" "$@"
}
