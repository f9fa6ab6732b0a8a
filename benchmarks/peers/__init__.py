"""Our functions beside other OAuth servers, in processor time of the server.

`comparison` is the command (`make bench-peers`), `contenders` says of whom is asked, `workloads` what, and `apps` are
the servers as their documentation sets them up. What `worker` and `apps` import also runs in the peers' environments,
which have the standard library, what stands there, and this folder.
"""
