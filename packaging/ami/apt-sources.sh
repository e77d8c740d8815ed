# SPDX-License-Identifier: Apache-2.0
# Where this machine gets Debian from: read out of its own APT sources, so that no mirror is named anywhere else.
# Sourced by POSIX sh scripts that have run "set -eu".
# shellcheck shell=sh

# apt_sources SUITE: lines "[OPTIONS] URI" of the sources that have this suite's main component.
apt_sources()
{
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -r "$file" ] && sed -n "s/^deb  *\(\[[^]]*\]\)\{0,1\} *\([^ ]*\)  *$1  *\(.* \)\{0,1\}main.*/\1 \2/p" "$file"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -r "$file" ] && apt_sources_deb822 "$file" "$1"
  done
  return 0
}

apt_sources_deb822()
{
  awk -v suite="$2" '
    function flush(i) {
      if (types ~ /(^| )deb( |$)/ && (" " suites " ") ~ (" " suite " ") && (" " comps " ") ~ / main /) {
        n = split(uris, list, " ")
        for (i = 1; i <= n; i++)
          print (key ~ /^\// ? "[signed-by=" key "]" : ""), list[i]
      }
      types = uris = suites = comps = key = ""
    }
    /^[ \t]*$/ { flush(); next }
    /^#/ { next }
    { field = tolower($1); value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
    field == "types:" { types = value }
    field == "uris:" { uris = value }
    field == "suites:" { suites = value }
    field == "components:" { comps = value }
    field == "signed-by:" { key = value }
    END { flush() }' "$1"
}

# apt_sources_beside HAVE WANT: sources.list lines for the suite WANT and its security and backports suites, in the
# archives that have the suite HAVE. Not every mirror carries all of them.
apt_sources_beside()
{
  apt_sources "$1" | sort -u | while read -r options uri; do
    if [ -z "$uri" ]; then
      uri=$options
      options=''
    fi
    uri=${uri%/}
    [ "$1" = "$2" ] || printf 'deb %s %s %s main\n' "$options" "$uri" "$2"
    case $uri in
    */debian) printf 'deb %s %s-security %s-security main\n' "$options" "$uri" "$2" ;;
    esac
    printf 'deb %s %s %s-backports main\n' "$options" "$uri" "$2"
  done
}
