#!/usr/bin/env bash
# Runs a command with a Docker engine and the base image of Lambda's Python 3.13 at hand, for `sam local`.
#
# An engine that answers is used as it is. Where none does, a private one is started (as root, by Docker's own packages
# of the distribution: apt-get install docker.io iptables iproute2), and goes with all it holds when the command ends.
# The image is pulled; where it cannot be, a stand-in is built from this machine's Python and C library.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

fail() {
    echo "sam local: $*" >&2
    exit 1
}

command -v docker > /dev/null || fail 'docker was not found: apt-get install docker.io iptables iproute2'
case $(uname -m) in
    x86_64) processor=x86_64 ;;
    aarch64) processor=arm64 ;;
    *) fail "there is no Lambda on $(uname -m)" ;;
esac

folder=
put_away() {
    trap '' INT TERM HUP
    [ -z "$folder" ] || "$here/down.sh" "$folder" > /dev/null
    rm -rf "$folder"
}
trap put_away EXIT
trap 'exit 143' INT TERM HUP

if docker version > /dev/null 2>&1; then
    # SAM looks for the socket in places of its own.
    DOCKER_HOST=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}')}
    folder=$(mktemp -d)
else
    [ "$(id -u)" = 0 ] || fail 'no Docker engine answers, and only root can start one'
    command -v dockerd > /dev/null || fail 'no Docker engine answers: apt-get install docker.io iptables iproute2'
    # A short path, wherever other temporary files are: that of a socket has 107 characters at most.
    folder=$(mktemp -d "${ENGINES:-/tmp}/lingpai-docker-XXXXXX")
    started=$("$here/up.sh" "$folder")
    eval "$started"
fi
export DOCKER_HOST

tag=public.ecr.aws/lambda/python:3.13-$processor
if ! docker image inspect "$tag" > /dev/null 2>&1 && ! timeout 300 docker pull --quiet "$tag" > /dev/null 2>&1; then
    [ "$processor" = x86_64 ] || fail "$tag cannot be pulled, and the stand-in for it is for x86-64"
    echo '· the base image cannot be pulled: building a stand-in'
    python=$("$root/.cache/bare-python/bin/python" -c 'import sys; print(sys.base_prefix)')
    "$here/image.sh" "$tag" "$python" "$root/.cache/runtime/lib/python3.13/site-packages" "$folder/image" > /dev/null
fi

trap 'kill -TERM "$child" 2> /dev/null' INT TERM HUP
"$@" &
child=$!
status=0
wait "$child" || status=$?
# A signal ends the first `wait`: the command still has its own to put away.
wait "$child" 2> /dev/null || true
exit "$status"
