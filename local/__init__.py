"""The development server (`python -m local`) and the operator's command line (`lingpai`)."""
