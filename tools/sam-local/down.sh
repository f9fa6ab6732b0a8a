#!/bin/bash
# Stops the dockerd started by up.sh (by its pid) and takes away what it leaves: docker0, its cgroups.
D=${1:?the folder of the engine}; export DOCKER_HOST=unix://$D/docker.sock
[ -s $D/dockerd.pid ] || { echo "no pid file"; exit 0; }
P=$(cat $D/dockerd.pid)
docker ps -aq | xargs -r docker rm -f >/dev/null
kill -TERM $P; for i in $(seq 100); do kill -0 $P 2>/dev/null || break; sleep 0.1; done
kill -0 $P 2>/dev/null && echo "dockerd $P still there" || echo "dockerd stopped"
ip link show docker0 >/dev/null 2>&1 && ip link delete docker0
for c in /sys/fs/cgroup/*/docker; do [ -d $c ] && find $c -depth -type d -exec rmdir {} \; 2>/dev/null; done
true
