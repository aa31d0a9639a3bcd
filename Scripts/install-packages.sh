#!/usr/bin/env bash
# Installs what is missing through apt: `build` for the product, `test` for the tests' tools as well, `network` and `chain`
# for those of Examples/network.sh and Examples/chain.sh.
set -euo pipefail

need=()
want() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed' || need+=("$1"); }

for package in libssl-dev libsecp256k1-dev libcurl4-openssl-dev libpq-dev libsqlite3-dev zlib1g-dev \
  pkg-config; do
  want "$package"
done
if [ "${1:-build}" != build ]; then
  for package in python3 python3-venv jq; do want "$package"; done
fi
case ${1:-build} in network | test) want postgresql ;; esac
if [ "${1:-build}" = test ]; then
  for package in gzip age chromium bubblewrap podman runc catatonit; do want "$package"; done
  # The kernels of 64-bit ARM run in an emulator, on its C library.
  if [ "$(uname -m)" = x86_64 ]; then
    for package in libc6-dev-arm64-cross qemu-user; do want "$package"; done
  fi
fi

if ! command -v swift >/dev/null; then
  echo "emeth: error: no swift in PATH; a Swift 6.2 or newer toolchain is needed" >&2
  echo "hint: see swift.org/install, then put its usr/bin folder in PATH" >&2
  exit 4
fi

if [ "${#need[@]}" -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "emeth: error: these Debian packages are missing and there is no apt-get: ${need[*]}" >&2
    echo "hint: install what they hold by this system's own means" >&2
    exit 4
  fi
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "emeth: error: these Debian packages are missing: ${need[*]}" >&2
      echo "hint: as root, run: apt-get install ${need[*]}" >&2
      exit 4
    fi
    as_root=(sudo)
  fi
  echo "installing ${need[*]}" >&2
  install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
  }
  if ! install 2>/dev/null; then
    # The package lists may be old or absent: fetch them and try once more, now with the messages.
    "${as_root[@]}" apt-get update -qq
    if ! install; then
      echo "emeth: error: apt could not install ${need[*]}" >&2
      echo "hint: as root, run: apt-get update && apt-get install ${need[*]}" >&2
      exit 4
    fi
  fi
fi
