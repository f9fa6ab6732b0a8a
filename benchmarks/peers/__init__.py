"""Our functions beside other OAuth servers, in processor time of the server.

`comparison` is the command (`make bench-peers`). `workloads` says what is asked, `contenders` of whom, `apps` are the
peers as their documentation sets them up, and ours. `worker` asks an application inside its own process.

`apps`, `workloads` and `worker` run in the peers' environments as well: they import nothing but the standard library
and what stands there.
"""
