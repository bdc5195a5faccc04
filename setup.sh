#!/bin/sh
# Prepares this folder: npm packages, the command line's bundle, and a WebGPU adapter to run on.
# Safe to run again: every step looks first and changes only what is missing.
# The only change outside this folder is the Mesa software driver, installed when this machine
# has no WebGPU adapter and the script runs as root on Debian or Ubuntu.
set -eu
cd "$(dirname "$0")"

# another installation may hold the lock for a while
WAIT='-o DPkg::Lock::Timeout=300'

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
  say "$1"
  exit "$2"
}

has_adapter() { node dist/streamscope.js doctor --quiet >/dev/null 2>&1; }

need_node() {
  command -v node >/dev/null 2>&1 || fail "Node.js is missing. Install Node 20.19 or newer (https://nodejs.org), then run this again." 69
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node $(node --version) is too old: streamscope needs 20.19 or newer." 69
}

install_packages() {
  if [ -f node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
    say "npm packages are up to date."
  else
    say "installing npm packages (npm ci)."
    npm ci --ignore-scripts --no-audit --no-fund
  fi
}

# Debian 12's own Mesa (22.3) is too old for Dawn. Backports are pinned below the release by
# default, so adding them changes nothing but the package named here and what it needs.
install_from_backports() {
  mirror=$(sed -n 's/^deb *\(\[[^]]*\]\)\{0,1\} *\(http[^ ]*\/debian\)\/\{0,1\} *bookworm main.*/\2/p; s/^URIs: *\(http[^ ]*\/debian\)\/\{0,1\}$/\1/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
  list=/etc/apt/sources.list.d/bookworm-backports.list
  if ! apt-cache policy 2>/dev/null | grep -q bookworm-backports; then
    say "adding bookworm-backports in $list."
    printf 'deb %s bookworm-backports main\n' "${mirror:-http://deb.debian.org/debian}" >"$list"
  fi
  apt-get $WAIT update -qq
  apt-get $WAIT install -y -qq --no-install-recommends libvulkan1 mesa-vulkan-drivers/bookworm-backports >&2
}

install_software_adapter() {
  # shellcheck disable=SC1091
  [ -r /etc/os-release ] && . /etc/os-release || ID=unknown
  case "${ID:-}-${VERSION_ID:-}" in
    debian-12) recipe="Mesa 24 or newer from bookworm-backports: apt-get install libvulkan1 mesa-vulkan-drivers/bookworm-backports" ;;
    debian-* | ubuntu-*) recipe="apt-get install libvulkan1 mesa-vulkan-drivers (Mesa 24 or newer)" ;;
    *) recipe="your system's Vulkan driver, or Mesa's lavapipe 24 or newer together with the Vulkan loader" ;;
  esac
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 ||
    fail "no WebGPU adapter found, and this script may not install one. Install $recipe, then run this again." 69
  say "no WebGPU adapter found: installing Mesa's software driver."
  export DEBIAN_FRONTEND=noninteractive
  case "${ID:-}-${VERSION_ID:-}" in
    debian-12) install_from_backports ;;
    *)
      apt-get $WAIT update -qq
      apt-get $WAIT install -y -qq --no-install-recommends libvulkan1 mesa-vulkan-drivers >&2
      ;;
  esac
  has_adapter || {
    node dist/streamscope.js doctor >&2 || true
    fail "the driver is installed but there is still no adapter. Install $recipe." 69
  }
}

need_node
install_packages
say "building."
node build.mjs
if has_adapter; then say "found a WebGPU adapter."; else install_software_adapter; fi
node dist/streamscope.js doctor --quiet >&2
say "ready. Try: npm run demo, or npm test."
