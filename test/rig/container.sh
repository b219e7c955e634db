#!/bin/sh
# Owns one container: boots it on an overlay of a provisioned root, and takes away every process, mount,
# cgroup and file of it at the end.
# Usage: container.sh MODE CLONE NAME RECIPE LOWER CGROUP...
#   MODE   attached: until the container is over, SIGTERM or the end of standard input;
#          kept: without the last one; sweep: only take away what a killed run has left
#   CLONE  folder of the overlay; CLONE.lock is locked for as long as this script lives,
#          CLONE.log has the output and stays when the container ended by itself
#   LOWER  colon-separated lower folders; CGROUP  one folder for each hierarchy
# RIG_DISK, where it is set, is an image of a filesystem that holds what the container writes, and stays: CLONE/disk in
# the container's own mount namespace. There a sync is one, which an overlay of the usual kind skips.
# Exits with 75 when another instance owns the clone, with 76 when a cgroup is still busy after 5 s, with 1
# when the container ended by itself.
set -eu
mode=$1 clone=$2 name=$3 recipe=$4 lower=$5
shift 5

exec 3<&0
while :; do
  exec 9>"$clone.lock"
  # Whoever looks whether we live holds it for a moment; whoever swept may have unlinked the file that we opened.
  flock --timeout 3 9 || exit 75
  [ "$(stat -c %d:%i "$clone.lock")" != "$(stat -L -c %d:%i /proc/self/fd/9)" ] || break
done
exec >>"$clone.log" 2>&1

box='' told='' cgroups_are_ours=''
take_away() {
  set +e
  trap '' TERM INT HUP
  trap - EXIT
  if [ -n "$box" ]; then
    # nspawn is the one child of unshare, which takes it away and ends with it.
    nspawn=$(cat "/proc/$box/task/$box/children")
    nspawn=${nspawn%% *}
    kill -KILL "${nspawn:-$box}"
    wait "$box"
  fi 2>/dev/null
  for group; do
    [ -n "$cgroups_are_ours" ] || break
    tries=0
    while [ -d "$group" ] && [ "$tries" -lt 250 ]; do
      # A process of another pid namespace is listed as 0, which would be our own process group.
      find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null | grep -vx 0 | xargs -r kill -KILL 2>/dev/null
      find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.02
      tries=$((tries + 1))
    done
  done
  rm -rf --one-file-system "$clone"
  # With the lock left there the next sweep tries again.
  for group; do
    [ -z "$cgroups_are_ours" ] || [ ! -d "$group" ] || exit 76
  done
  [ -z "$told" ] || rm -f "$clone.log"
  rm -f "$clone.lock"
  [ -n "$told" ] || exit 1
  exit 0
}

if [ "$mode" = sweep ]; then
  told=1 cgroups_are_ours=1
  take_away "$@"
fi

trap 'take_away "$@"' EXIT
trap 'told=1; take_away "$@"' TERM INT HUP
mkdir "$clone" "$clone/upper" "$clone/work" "$clone/merged" "$clone/disk"
chmod 0755 "$clone/upper"
printf '%s\n' "$recipe" "$mode" "$$" "$lower" >"$clone/facts"
mkdir "$@"
cgroups_are_ours=1

# shellcheck disable=SC2016 # expanded by the inner shell
setpriv --pdeathsig KILL \
  unshare --mount --propagation private --pid --fork --kill-child --mount-proc sh -euc '
    clone=$1 name=$2 lower=$3
    shift 3
    for group; do echo 0 >"$group/cgroup.procs"; done
    mkdir -p /run/systemd/nspawn
    mount -t tmpfs none /run/systemd/nspawn
    upper=$clone/upper work=$clone/work volatile=,volatile
    if [ -n "${RIG_DISK:-}" ]; then
      mount -o loop,commit=300,noauto_da_alloc "$RIG_DISK" "$clone/disk"
      upper=$clone/disk/upper work=$clone/disk/work volatile=
      mkdir -p "$upper" "$work"
    fi
    mount -t overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work$volatile" overlay "$clone/merged"
    exec systemd-nspawn --quiet --boot --register=no --keep-unit --settings=no --machine="$name" \
      --directory="$clone/merged" --private-network --resolv-conf=off --timezone=off --link-journal=no \
      --console=read-only
  ' sh "$clone" "$name" "$lower" "$@" 3<&- 9>&- </dev/null &
box=$!

if [ "$mode" = attached ]; then
  # shellcheck disable=SC2016 # expanded by the inner shell
  setpriv --pdeathsig KILL sh -c 'read -r _; kill -TERM "$PPID"' <&3 3<&- 9>&- &
fi
exec 3<&-
wait "$box"
