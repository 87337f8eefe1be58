#!/bin/sh
# Gives a Debian or Ubuntu machine a Firefox, for `npm run test:firefox`: the release's own firefox-esr, or firefox where
# there is none. Needs root; where there is a Firefox already it does nothing. Its path is printed at the end.
set -u

fail() {
  echo "install-firefox: $1" >&2
  exit 1
}

# A snap's firefox is a script that starts no browser in a container.
found() {
  for name in firefox-esr firefox; do
    path="$(command -v "$name")" && "$path" --version >/dev/null 2>&1 && echo "$path" && return 0
  done
  return 1
}

if path="$(found)"; then
  echo "install-firefox: already here, $("$path" --version), $path"
  exit 0
fi

[ "$(id -u)" -eq 0 ] || fail "needs root; run it with sudo"
command -v apt-get >/dev/null || fail "needs apt-get (Debian, Ubuntu); install Firefox by hand"
apt-get update -qq || fail "apt-get update failed; is the mirror reachable?"
for name in firefox-esr firefox; do
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$name" >/dev/null 2>&1 || continue
  path="$(found)" && echo "install-firefox: $("$path" --version), $path" && exit 0
done
fail "this release's registry brings no Firefox"
