"""The roles of the deployment."""

from lingpai import bootstrap, priming
from lingpai.accounts import role_routes

ROUTES = role_routes.ROUTES  # /roles/*

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
