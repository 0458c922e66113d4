# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts of tools/ share: messages, Debian packages, the cache.
# Sourced, never run, and under errexit: a failed step ends the script. Messages go to stderr, results to stdout.

set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/vitro
mkdir -p "$CACHE"

say() { echo "vitro: $*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
		-o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" >&2
}

# need PACKAGE...: install those that are missing, saying so.
need() {
	local p missing=()

	for p; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null |
			grep -qx installed || missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && return
	say "installing Debian packages: ${missing[*]}"
	apt_install "${missing[@]}" && return
	say "trying again with fresh package lists"
	as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >&2
	apt_install "${missing[@]}"
}

package_version() { dpkg-query -W -f '${Version}' "$1"; }

# with_lock NAME COMMAND...: one process at a time fills a part of the cache.
with_lock() {
	local fd

	exec {fd}>"$CACHE/$1.lock"
	flock "$fd"
	shift
	"$@"
	exec {fd}>&-
}

newest_headers() {
	find /usr/src -maxdepth 1 -name 'linux-headers-6.1*-amd64' \
		! -name '*-cloud-*' ! -name '*-rt-*' | sort -V | tail -n 1
}

# The kernel headers that vitro.ko is built against: $KDIR, else those of the
# running kernel, else the newest that Debian's packages have put here.
headers_dir() {
	local running dir
	running=/lib/modules/$(uname -r)/build

	if [ -n "${KDIR:-}" ]; then
		dir=$KDIR
	elif [ -e "$running/include/generated/utsrelease.h" ]; then
		dir=$running
	else
		[ -n "$(newest_headers)" ] || need linux-headers-amd64
		dir=$(newest_headers)
	fi
	[ -e "$dir/include/generated/utsrelease.h" ] ||
		die "no kernel headers in '$dir'"
	readlink -f "$dir"
}

# kernel_release HEADERS: as uname -r says it.
kernel_release() { cut -d'"' -f2 "$1/include/generated/utsrelease.h"; }

# copy_modules KERNEL_DIR TO MODULE...: the modules with all they depend on,
# under names that sort in load order.
copy_modules() {
	local kdir=$1 to=$2 m i=10
	shift 2

	for m; do
		/sbin/modprobe -d "$kdir" -S "$(basename "$kdir"/lib/modules/*)" \
			--show-depends "$m"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r m; do
			cp "$m" "$to/$((i++))-${m##*/}"
		done
}

# make_cpio TREE: an initramfs of it, to stdout.
make_cpio() { (cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet); }

# One of the CPUs this may run on.
one_cpu() { taskset -cp $$ | grep -o '[0-9]*$'; }

# complaint LOG: print what the kernel of an emulated host complained of since the module
# was loaded (up to a kexec, and again), with what surrounds it, without guessed stack
# frames and code bytes.
#
# Not of these pairs of KCSAN's: mtree_load() of the kernel's maple tree may look at a node that
# another CPU marks as dead or is about to free, sees it, and begins anew.
complaint() {
	local words='BUG:|WARNING:|Oops|general protection fault|Kernel panic|kernel BUG|'\
'INFO: (rcu|possible|task|suspicious|lockdep|inconsistent)|rcu: INFO|stall|UBSAN:|KASAN:|'\
'unreferenced object|ODEBUG:|bad page|Bad page|list_(add|del) corruption|'\
'refcount_t:|suspicious RCU usage|soft lockup|hung_task|Call Trace:'

	sed -n '/testbed: loading/,/Starting new kernel/p' "$1" |
		sed -E '/KCSAN: data-race in ((call_rcu|mas_\w+) \/ mtree_load|mtree_load \/ (call_rcu|mas_\w+))\r?$/,/=====/d' |
		grep -avE '\]  \? |\] Code: ' |
		grep -aE -m 1 -B 3 -A 60 "$words" >&2 || return
	say "the emulated host's kernel complained"
}
