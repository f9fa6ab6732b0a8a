"""The health of a deployment: checks that read only, for the console's page and for `lingpai doctor`."""
