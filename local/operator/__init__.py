"""The operator's command line, `lingpai`: one module for each group of commands; `app` joins them."""
