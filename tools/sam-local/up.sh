#!/bin/bash
# Starts a private Docker engine for `sam local`, where none runs: own data root and socket, no iptables, no forwarding.
# Needs: apt-get install -y --no-install-recommends docker.io iptables iproute2
# Usage: eval "$(up.sh [DIR])" sets DOCKER_HOST; down.sh [DIR] stops it and takes away what it leaves.
set -u
D=${1:?the folder of the engine}; DRIVER=${DRIVER:-overlay2}
mkdir -p $D/data $D/exec
if [ -s $D/dockerd.pid ] && kill -0 $(cat $D/dockerd.pid) 2>/dev/null; then echo "export DOCKER_HOST=unix://$D/docker.sock"; exit 0; fi
rm -f $D/dockerd.pid
setsid nohup dockerd --data-root $D/data --exec-root $D/exec --host unix://$D/docker.sock --pidfile $D/dockerd.pid \
  --storage-driver $DRIVER --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
  --exec-opt native.cgroupdriver=cgroupfs ${EXTRA:-} >$D/dockerd.log 2>&1 </dev/null &
for i in $(seq 1 100); do
  DOCKER_HOST=unix://$D/docker.sock docker version >/dev/null 2>&1 && { echo "export DOCKER_HOST=unix://$D/docker.sock"; exit 0; }
  sleep 0.2
done
echo "the Docker engine did not start:" >&2; tail -20 $D/dockerd.log >&2; exit 1
