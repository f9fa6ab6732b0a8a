#!/bin/bash
# Builds a stand-in for the base image public.ecr.aws/lambda/python:3.13-x86_64 where that cannot be pulled: CPython 3.13
# and the Lambda runtime interface client, laid out as Lambda lays them out. Then pass --skip-pull-image to sam local.
# It is Debian's glibc, not Amazon Linux: it proves the package, the events and the routes, not that operating system.
# There is no boto3 as Lambda has it: whatever the functions import has to be in the layer.
# Needs DOCKER_HOST (up.sh), PY=prefix of a CPython 3.13, RUNTIME=folder of the installed runtime client, W=a folder.
set -euo pipefail
TAG=${TAG:-public.ecr.aws/lambda/python:3.13-x86_64}
R=$W/rootfs; rm -rf $R; mkdir -p $R/{usr/bin,usr/lib,usr/lib64,usr/sbin,etc/ssl/certs,tmp,proc,sys,dev,root,opt,var/task,var/runtime,var/rapid,var/lang/lib,var/lang/bin,usr/local/bin,lib/x86_64-linux-gnu} 2>/dev/null
rm -rf $R/lib; ln -s usr/bin $R/bin; ln -s usr/lib $R/lib; ln -s usr/lib64 $R/lib64; ln -s usr/sbin $R/sbin; chmod 1777 $R/tmp
BINS="sh dash bash mv cp rm mkdir chmod ls cat env sleep"
for b in $BINS; do cp -P --preserve=mode /usr/bin/$b $R/usr/bin/; done
tar -C $PY --exclude='lib/python3.13/test' --exclude='lib/python3.13/site-packages/*' --exclude='lib/python3.13/config-*' \
    --exclude='lib/python3.13/idlelib' --exclude='lib/python3.13/tkinter' --exclude='lib/python3.13/turtledemo' \
    --exclude='_tkinter*' --exclude='__pycache__' -c bin/python3.13 lib | tar -C $R/var/lang -x
ln -sf python3.13 $R/var/lang/bin/python3; ln -sf python3.13 $R/var/lang/bin/python
# shared libraries, by ldd, dereferenced, into /usr/lib/x86_64-linux-gnu; the loader at /lib64
mkdir -p $R/usr/lib/x86_64-linux-gnu
{ for b in $BINS; do ldd /usr/bin/$b; done; find $R/var/lang -name '*.so*' -type f -exec ldd {} \; ; ldd $R/var/lang/bin/python3.13; } 2>/dev/null \
  | awk '$2=="=>" && $3 ~ /^\// {print $3}' | grep -v "$R\|$PY" | sort -u | while read l; do cp -L $l $R/usr/lib/x86_64-linux-gnu/; done
cp -L /lib64/ld-linux-x86-64.so.2 $R/usr/lib64/
# all of glibc, libgcc and libstdc++: manylinux wheels may link any of them (pydantic-core wants librt.so.1)
dpkg -L libc6 libgcc-s1 libstdc++6 | grep -E '^(/usr)?/lib/x86_64-linux-gnu/[^/]*\.so[.0-9]*$' | while read l; do cp -L $l $R/usr/lib/x86_64-linux-gnu/ 2>/dev/null || true; done
printf 'root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n' >$R/etc/passwd; printf 'root:x:0:\n' >$R/etc/group
printf 'hosts: files dns\n' >$R/etc/nsswitch.conf; cp -rL /usr/share/zoneinfo/UTC $R/etc/localtime 2>/dev/null || true
cp -r $RUNTIME/. $R/var/runtime
$PY/bin/python3.13 -m compileall -q -j0 -s $R -p / $R/var/lang/lib/python3.13 $R/var/runtime || true
cat > $R/var/runtime/bootstrap <<'B'
#!/bin/sh
export AWS_EXECUTION_ENV=AWS_Lambda_python3.13
exec /var/lang/bin/python3.13 /var/runtime/bootstrap.py
B
cat > $R/var/runtime/bootstrap.py <<'B'
import os, sys

sys.path[:] = [p for p in sys.path if p != "/var/runtime"]
sys.path[:0] = [os.environ.get("LAMBDA_TASK_ROOT", "/var/task"), "/opt/python/lib/python3.13/site-packages", "/opt/python", "/var/runtime"]
from awslambdaric.__main__ import main

main(["bootstrap.py", os.environ["_HANDLER"]])
B
chmod 755 $R/var/runtime/bootstrap
tar -C $R -c . | docker import \
  --change 'ENV LANG=C.UTF-8' --change 'ENV TZ=:/etc/localtime' --change 'ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin' \
  --change 'ENV LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib' \
  --change 'ENV LAMBDA_TASK_ROOT=/var/task' --change 'ENV LAMBDA_RUNTIME_DIR=/var/runtime' --change 'WORKDIR /var/task' - $TAG
