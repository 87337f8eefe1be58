#!/bin/sh
# Gives a Debian bookworm machine a software Vulkan adapter: Mesa's lavapipe 25 from bookworm-backports and the Vulkan
# loader. bookworm's own Mesa 22.3 is too old for Dawn. Needs root; running it again does nothing.
# Afterwards run the tests with VK_ICD_FILENAMES=/usr/share/vulkan/icd.d/lvp_icd.json (the path is printed at the end).
set -u

fail() {
  echo "install-lavapipe: $1" >&2
  exit 1
}

manifest() {
  ls /usr/share/vulkan/icd.d/lvp_icd*.json 2>/dev/null | head -n 1
}

mesa_major() {
  dpkg-query --show --showformat='${Version}' mesa-vulkan-drivers 2>/dev/null | sed 's/\..*//'
}

major="$(mesa_major)"
if [ -n "$(manifest)" ] && [ "${major:-0}" -ge 25 ] && ldconfig -p | grep -q 'libvulkan\.so\.1'; then
  echo "install-lavapipe: already here, Mesa $major, $(manifest)"
  exit 0
fi

[ "$(id -u)" -eq 0 ] || fail "needs root; run it with sudo"
command -v apt-get >/dev/null || fail "needs apt-get (Debian bookworm); install Mesa's lavapipe 25 or newer by hand"
. /etc/os-release

if [ "${VERSION_CODENAME:-}" = bookworm ]; then
  # The mirror is the one the machine already uses.
  uri="$(grep -rhoE '^(URIs:|deb) *https?://[^ ]*/debian/? *' /etc/apt/sources.list.d /etc/apt/sources.list 2>/dev/null |
    grep -oE 'https?://[^ ]*' | head -n 1)"
  [ -n "$uri" ] || fail "no Debian source found under /etc/apt to copy the mirror from"
  cat >/etc/apt/sources.list.d/bookworm-backports.sources <<SOURCE
Types: deb
URIs: $uri
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCE
  release="-t bookworm-backports"
else
  echo "install-lavapipe: not bookworm but ${VERSION_CODENAME:-unknown}; taking the release's own Mesa"
  release=""
fi

apt-get update -qq || fail "apt-get update failed; is the mirror reachable?"
# shellcheck disable=SC2086 # $release is two words or none
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $release mesa-vulkan-drivers >/dev/null ||
  fail "could not install mesa-vulkan-drivers $release"
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libvulkan1 >/dev/null ||
  fail "could not install libvulkan1"

major="$(mesa_major)"
[ "${major:-0}" -ge 25 ] || fail "Mesa $major was installed, Dawn needs 25 or newer"
[ -n "$(manifest)" ] || fail "Mesa $major installed no lavapipe manifest under /usr/share/vulkan/icd.d"
echo "install-lavapipe: Mesa $major, $(manifest)"
