#!/usr/bin/env bash
# Stops the engine that up.sh has started in a folder, and takes away what it leaves: its bridge and control groups.
# Usage: down.sh DIR
set -uo pipefail
folder=${1:?the folder of the engine}
export DOCKER_HOST=unix://$folder/docker.sock

if [ -s "$folder/engine" ]; then
    engine=$(cat "$folder/engine")
    docker ps --all --quiet 2> /dev/null | xargs --no-run-if-empty docker rm --force > /dev/null
    kill -TERM "$engine" 2> /dev/null
    for _ in {1..100}; do
        kill -0 "$engine" 2> /dev/null || break
        sleep 0.1
    done
    kill -0 "$engine" 2> /dev/null && echo "the engine $engine is still there" >&2
fi
# It mounts its data on itself, and leaves that to be undone where it was ended early.
! mountpoint --quiet "$folder/data" || umount "$folder/data"
[ ! -s "$folder/bridge" ] || ip link delete "$(cat "$folder/bridge")"
for group in /sys/fs/cgroup/{,*/}"$(basename "$folder")"; do
    [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} +
done
