#!/bin/sh
# Gives a Debian or Ubuntu machine WebKitGTK with its driver, the nearest to Safari outside Apple's systems, and a screen
# for it in memory, for `npm run test:webkit`. Needs root; running it again does nothing.
set -u

fail() {
  echo "install-webkit: $1" >&2
  exit 1
}

found() {
  command -v WebKitWebDriver >/dev/null && command -v Xvfb >/dev/null
}

version() {
  dpkg-query --show --showformat='${Version}' webkit2gtk-driver 2>/dev/null
}

if found; then
  echo "install-webkit: already here, $(version)"
  exit 0
fi

[ "$(id -u)" -eq 0 ] || fail "needs root; run it with sudo"
command -v apt-get >/dev/null || fail "needs apt-get (Debian, Ubuntu); install WebKitWebDriver and Xvfb by hand"
apt-get update -qq || fail "apt-get update failed; is the mirror reachable?"
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends webkit2gtk-driver xvfb >/dev/null ||
  fail "could not install webkit2gtk-driver and xvfb"
found || fail "the packages brought no WebKitWebDriver or no Xvfb"
echo "install-webkit: $(version)"
