#!/usr/bin/env bash
# Starts a private Docker engine for `sam local`, where none runs. Its data, socket, bridge and control groups are its
# own, so that neither another engine nor what a killed one has left gets in its way; no iptables, no forwarding.
# Needs: apt-get install -y --no-install-recommends docker.io iptables iproute2
# Usage: eval "$(up.sh DIR)" sets DOCKER_HOST; down.sh DIR stops it and takes away what it leaves.
set -euo pipefail
# Who is told to end in the middle would leave an engine that nobody knows.
trap : INT TERM HUP
folder=${1:?the folder of the engine}
socket=unix://$folder/docker.sock
mkdir -p "$folder/data" "$folder/exec"

# Whoever makes the bridge has its addresses: a sixteenth of those that are for documentation alone (RFC 5737), where
# nothing is that this machine could want to reach.
for number in {0..15} none; do
    [ "$number" != none ] || { echo 'no bridge could be made: `ip link delete lingpai0`, if nothing runs on it' >&2; exit 1; }
    ip link add "lingpai$number" type bridge 2> "$folder/bridge.log" && break
done
bridge=lingpai$number
echo "$bridge" > "$folder/bridge"
ip address add "203.0.113.$((number * 16 + 1))/28" dev "$bridge"
ip link set "$bridge" up alias "$folder" # so that `ip link` tells whose it is

setsid nohup dockerd --data-root "$folder/data" --exec-root "$folder/exec" --host "$socket" --pidfile "$folder/dockerd.pid" \
    --bridge "$bridge" --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
    --storage-driver overlay2 --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$(basename "$folder")" \
    > "$folder/dockerd.log" 2>&1 < /dev/null &
echo $! > "$folder/engine"
for _ in {1..100}; do
    if DOCKER_HOST=$socket docker version > /dev/null 2>&1; then
        printf 'export DOCKER_HOST=%q\n' "$socket"
        exit 0
    fi
    sleep 0.2
done
echo 'the Docker engine did not start:' >&2
tail -20 "$folder/dockerd.log" >&2
exit 1
