#!/bin/bash
# Runs a statically linked x86-64 Linux program on an emulated processor with
# AVX-512 (F, CD, DQ, BW, VL) and FMA, on a machine that need not have them.
#
#   run-under-emulator.sh PROGRAM [SECONDS [ARGUMENT...]]
#
# The emulator is Bochs with its processor "corei7_skylake_x". It boots Debian's
# cloud kernel with a RAM disk that holds busybox and PROGRAM, and nothing else.
# What PROGRAM writes (standard output and error together) comes out on standard
# output while it runs; the exit status is PROGRAM's own, or
#   124  SECONDS (default 1200) passed first
#   125  nothing could be started, or the guest ended without a status
# PROGRAM runs in an empty, writable folder. ARGUMENTs hold no spaces, quotes,
# backslashes or other characters that a shell reads. The guest has one
# processor, about 40 million plain instructions a second, and a clock that
# tells nothing about speed.
#
# Needs an amd64 Debian 12 or later. Missing ones of bochs, isolinux, xorriso
# and cpio are installed with apt (sudo when not root); the kernel and busybox
# are downloaded and unpacked, never installed. Environment:
#   EMULATOR_CACHE   a folder in which to keep the kernel and busybox
#   EMULATOR_KERNEL  a bzImage to boot in place of the downloaded one
#   EMULATOR_CPU     another processor of `bochs --help cpu`: corei7_haswell_4770
#                    has AVX2 alone; the Ice Lake and Tiger Lake do not boot
#   EMULATOR_MEGS    the guest's memory in MiB (default 512)
#   EMULATOR_FILES   a folder whose files are laid into the RAM disk's root, so that PROGRAM may be a
#                    script for /bin/busybox sh that starts programs with their libraries
#   EMULATOR_KEEP    if set, the temporary folder is kept and named
set -u -o pipefail

say() { printf 'run-under-emulator: %s\n' "$*" >&2; }
fail() { say "$*"; exit 125; }

[ $# -ge 1 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 125; }
program=$1
limit=${2:-1200}
if [ $# -ge 2 ]; then shift 2; else shift $#; fi
case $limit in *[!0-9]* | '') fail "SECONDS is not a number: $limit" ;; esac
for argument in "$@"; do
    case $argument in *[!A-Za-z0-9_=+,.:/@%-]* | '') fail "not passed on: $argument" ;; esac
done
[ -f "$program" ] && [ -x "$program" ] || fail "no program at $program"

# --- the packages -----------------------------------------------------------
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
missing=()
for package in bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso cpio; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
    installed) ;;
    *) missing+=("$package") ;;
    esac
done
if [ ${#missing[@]} -gt 0 ]; then
    say "installing ${missing[*]}"
    install_missing() {
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
    }
    install_missing || { as_root apt-get update -q >&2 && install_missing; } ||
        fail "apt could not install ${missing[*]}"
fi

# --- the temporary folder ---------------------------------------------------
work=$(mktemp -d) || fail "no temporary folder"
emulator=
follower=
finish() {
    local child
    for child in $follower $emulator; do kill -KILL "$child" 2>/dev/null; done
    if [ -n "${EMULATOR_KEEP:-}" ]; then say "kept $work"; else rm -rf "$work"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# --- the kernel and busybox -------------------------------------------------
# fetch PACKAGE: downloads a Debian package and unpacks it into $work/unpacked.
fetch() {
    [ -n "$1" ] || return 1
    mkdir -p "$work/packages" "$work/unpacked"
    (cd "$work/packages" && rm -f ./*.deb && apt-get download -q "$1" >/dev/null 2>&1) &&
        dpkg -x "$work"/packages/*.deb "$work/unpacked"
}
kernel_package() {
    apt-cache depends linux-image-cloud-amd64 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | sed -n 1p
}
# cached NAME FILE: keeps FILE as NAME when a cache folder is given.
cached() {
    [ -n "${EMULATOR_CACHE:-}" ] || return 0
    mkdir -p "$EMULATOR_CACHE" && cp "$2" "$EMULATOR_CACHE/$1.$$" &&
        mv "$EMULATOR_CACHE/$1.$$" "$EMULATOR_CACHE/$1"
}
kernel=${EMULATOR_KERNEL:-${EMULATOR_CACHE:-$work}/vmlinuz}
if [ ! -f "$kernel" ]; then
    [ -z "${EMULATOR_KERNEL:-}" ] || fail "no kernel at $kernel"
    fetch "$(kernel_package)" || { as_root apt-get update -q >&2 && fetch "$(kernel_package)"; } ||
        fail "apt has no linux-image-cloud-amd64"
    kernel=$(find "$work/unpacked/boot" -name 'vmlinuz-*' | sed -n 1p)
    cached vmlinuz "$kernel"
fi
busybox=${EMULATOR_CACHE:-$work}/busybox
if [ ! -f "$busybox" ]; then
    fetch busybox-static || { as_root apt-get update -q >&2 && fetch busybox-static; } ||
        fail "apt has no busybox-static"
    busybox=$(find "$work/unpacked" -type f -path '*/bin/busybox' | sed -n 1p)
    cached busybox "$busybox"
fi

# --- the RAM disk -----------------------------------------------------------
begin=@@the-program-begins@@
end=@@the-program-ended@@
mkdir -p "$work/iso" "$work/root"/{bin,dev,proc,run}
cp -L "$busybox" "$work/root/bin/busybox" && cp -L "$program" "$work/root/program" || fail "cp"
chmod 755 "$work/root/bin/busybox" "$work/root/program"
if [ -n "${EMULATOR_FILES:-}" ]; then cp -a "$EMULATOR_FILES/." "$work/root/" || fail "cp"; fi
cat >"$work/root/init" <<INIT
#!/bin/busybox sh
b=/bin/busybox
\$b mount -t devtmpfs none /dev
\$b mount -t proc none /proc
exec </dev/null >/dev/ttyS0 2>&1
\$b stty -opost -F /dev/ttyS0
echo "processor:" \$(\$b grep -m1 ^flags /proc/cpuinfo | \$b grep -wo 'fma\\|f16c\\|avx[^ ]*')
echo $begin
(cd /run && exec /program $*)
status=\$?
echo
echo "$end \$status"
[ \$status -lt 128 ] || \$b dmesg | \$b tail -n 4 | \$b grep -v '^.\{15\}  '
echo "$end"
while :; do \$b sleep 1000; done
INIT
chmod 755 "$work/root/init"
(cd "$work/root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) \
    >"$work/iso/initrd" || fail "cpio made no RAM disk"

# --- the boot image ---------------------------------------------------------
# clearcpuid=xsaves,xsavec: Bochs 2.7 tells a wrong size of the compacted state;
# Linux notices and would switch AVX off altogether. The rest saves time: no
# self tests, no certificates, no devices.
cp "$kernel" "$work/iso/vmlinuz"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso/"
cat >"$work/iso/isolinux.cfg" <<'CFG'
default go
prompt 0
timeout 0
label go
  kernel /vmlinuz
  append initrd=/initrd console=ttyS0,115200 quiet loglevel=3 panic=0 clearcpuid=xsaves,xsavec nokaslr mitigations=off nosmp noapic nolapic acpi=off pci=off tsc=reliable lpj=1000000 no_timer_check random.trust_cpu=on cryptomgr.notests nowatchdog initcall_blacklist=trace_eval_init,load_system_certificate_list,hugetlb_init
CFG
xorriso -as mkisofs -quiet -o "$work/boot.iso" -b isolinux.bin -c boot.cat \
    -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso" >"$work/xorriso.log" 2>&1 ||
    { cat "$work/xorriso.log" >&2; fail "xorriso made no image"; }

# --- the emulator -----------------------------------------------------------
# "ips" is not a speed limit but how many instructions make a guest's second:
# fewer make its serial port and its delays cost fewer instructions.
: >"$work/serial"
cat >"$work/bochsrc" <<RC
config_interface: textconfig
display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
megs: ${EMULATOR_MEGS:-512}
cpu: model=${EMULATOR_CPU:-corei7_skylake_x}, count=1, ips=20000000, reset_on_triple_fault=0
clock: sync=none
vga: update_freq=1, realtime=0
ata0: enabled=1
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
ata1: enabled=0
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial
speaker: enabled=0
log: $work/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
RC
# Debian's Bochs is built with its debugger, which waits for a command.
echo continue >"$work/commands"
TERM=linux bochs-bin -q -f "$work/bochsrc" -rc "$work/commands" \
    </dev/null >"$work/screen" 2>&1 &
emulator=$!
disown
started=$SECONDS

# Follows the serial port until the end marker, the emulator's end or the limit.
mkfifo "$work/lines"
tail -n +1 -s 0.5 -f --pid="$emulator" "$work/serial" >"$work/lines" 2>/dev/null &
follower=$!
disown
exec 3<"$work/lines"
state=boot      # then program, then ended
status=125
kept=           # an unfinished line
blank=0         # blank lines not yet printed: the last one is init's own
while :; do
    if [ $((SECONDS - started)) -ge "$limit" ]; then
        [ $state = ended ] && break
        [ $state = program ] && [ -n "$kept" ] && printf '%s\n' "$kept"
        say "the limit of $limit seconds passed ($state)"
        status=124
        break
    fi
    IFS= read -r -t 2 line <&3
    got=$?
    if [ $got -gt 128 ]; then kept+=$line; continue; fi
    line=$kept$line
    line=${line%$'\r'}
    kept=
    if [ $got != 0 ] && [ -z "$line" ]; then
        if [ $state != ended ]; then
            say "the emulator ended (while: $state); its last words:"
            { tail -n 3 "$work/bochs.log"; tail -c 300 "$work/screen"; } >&2
            echo >&2
        fi
        break
    fi
    case $state:$line in
    *:*'Kernel panic'*)
        say "$line"
        break ;;
    boot:"$begin")
        state=program
        say "booted in $((SECONDS - started)) s" ;;
    boot:*)
        [ -z "$line" ] || say "$line" ;;
    program:"$end "*)
        status=${line#"$end "}
        while [ $blank -gt 1 ]; do echo; blank=$((blank - 1)); done
        say "the program ended with status $status after $((SECONDS - started)) s"
        state=ended ;;
    program:)
        blank=$((blank + 1)) ;;
    program:*)
        while [ $blank -gt 0 ]; do echo; blank=$((blank - 1)); done
        printf '%s\n' "$line" ;;
    ended:"$end")
        break ;;
    ended:*)
        say "$line" ;;
    esac
done
exit "$status"
