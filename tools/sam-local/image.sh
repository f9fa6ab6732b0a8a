#!/usr/bin/env bash
# Builds a stand-in for the base image public.ecr.aws/lambda/python:3.13-x86_64 where that cannot be pulled: CPython 3.13
# and the Lambda runtime interface client, laid out as Lambda lays them out. Then pass --skip-pull-image to sam local.
# It is Debian's glibc, not Amazon Linux: it proves the package, the events and the routes, not that operating system.
# There is no boto3 as Lambda has it: whatever the functions import has to be in the layer.
# Usage: image.sh TAG PREFIX RUNTIME FOLDER, the prefix of a CPython 3.13, the folder of the installed runtime client, and
# one to work in, which is made. Needs DOCKER_HOST (up.sh).
set -euo pipefail
tag=$1 python=$2 runtime=$3 root=$4/rootfs

mkdir -p "$root"/{usr/{bin,lib,lib64,sbin,local/bin,lib/x86_64-linux-gnu},etc/ssl/certs,tmp,proc,sys,dev,root,opt} \
    "$root"/var/{task,runtime,rapid,lang/{lib,bin}}
for folder in bin lib lib64 sbin; do ln -s "usr/$folder" "$root/$folder"; done
chmod 1777 "$root/tmp"

binaries=(/usr/bin/{sh,dash,bash,mv,cp,rm,mkdir,chmod,ls,cat,env,sleep})
cp -P --preserve=mode "${binaries[@]}" "$root/usr/bin/"
tar -C "$python" --exclude='lib/python3.13/test' --exclude='lib/python3.13/site-packages/*' \
    --exclude='lib/python3.13/config-*' --exclude='lib/python3.13/idlelib' --exclude='lib/python3.13/tkinter' \
    --exclude='lib/python3.13/turtledemo' --exclude='_tkinter*' --exclude='__pycache__' -c bin/python3.13 lib |
    tar -C "$root/var/lang" -x
ln -sf python3.13 "$root/var/lang/bin/python3"
ln -sf python3.13 "$root/var/lang/bin/python"

# The libraries that these are linked to, and the loader.
linked() {
    find "${binaries[@]}" "$root/var/lang" -type f \( -executable -o -name '*.so*' \) \
        -exec ldd {} \; 2> /dev/null |
        awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | grep -vF -e "$root" -e "$python" | sort -u
}
linked | xargs -d '\n' -n 1 cp -L -t "$root/usr/lib/x86_64-linux-gnu/"
cp -L /lib64/ld-linux-x86-64.so.2 "$root/usr/lib64/"
# All of glibc, libgcc and libstdc++: manylinux wheels may be linked to any of them (pydantic-core wants librt.so.1).
dpkg -L libc6 libgcc-s1 libstdc++6 | grep -E '^(/usr)?/lib/x86_64-linux-gnu/[^/]*\.so[.0-9]*$' |
    while read -r library; do cp -L "$library" "$root/usr/lib/x86_64-linux-gnu/" 2> /dev/null || true; done

cat > "$root/etc/passwd" <<'PASSWD'
root:x:0:0:root:/root:/bin/sh
sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin
PASSWD
echo 'root:x:0:' > "$root/etc/group"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
cp -rL /usr/share/zoneinfo/UTC "$root/etc/localtime" 2> /dev/null || true

cp -r "$runtime/." "$root/var/runtime"
"$python/bin/python3.13" -m compileall -q -j0 -s "$root" -p / "$root/var/lang/lib/python3.13" "$root/var/runtime" || true
cat > "$root/var/runtime/bootstrap" <<'BOOTSTRAP'
#!/bin/sh
export AWS_EXECUTION_ENV=AWS_Lambda_python3.13
exec /var/lang/bin/python3.13 /var/runtime/bootstrap.py
BOOTSTRAP
cat > "$root/var/runtime/bootstrap.py" <<'BOOTSTRAP'
import os, sys

sys.path[:] = [p for p in sys.path if p != "/var/runtime"]
sys.path[:0] = [os.environ.get("LAMBDA_TASK_ROOT", "/var/task"), "/opt/python/lib/python3.13/site-packages", "/opt/python", "/var/runtime"]
from awslambdaric.__main__ import main

main(["bootstrap.py", os.environ["_HANDLER"]])
BOOTSTRAP
chmod 755 "$root/var/runtime/bootstrap"

tar -C "$root" -c . | docker import \
    --change 'ENV LANG=C.UTF-8' --change 'ENV TZ=:/etc/localtime' \
    --change 'ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin' \
    --change 'ENV LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib' \
    --change 'ENV LAMBDA_TASK_ROOT=/var/task' --change 'ENV LAMBDA_RUNTIME_DIR=/var/runtime' --change 'WORKDIR /var/task' - "$tag"
