"""What a request costs here and at other OAuth servers, in processor time of the server, side by side in one run.

`__main__` is the command (`make bench-peers`). `works` says what is asked, `contenders` of whom, `apps` are the peers
as their documentation sets them up, and ours. `worker` asks an application inside its own process, `talk` over HTTP.

`apps`, `seed`, `works` and `worker` run in the peers' environments as well: they import nothing but the standard
library and what stands there.
"""
