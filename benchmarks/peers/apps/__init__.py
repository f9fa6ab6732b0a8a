"""The servers: each module has `populate()`, which fills its store, and `open_app()`, which gives what to ask."""
