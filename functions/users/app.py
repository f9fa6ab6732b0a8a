"""Accounts and their profiles."""

from lingpai import bootstrap, priming
from lingpai.accounts import profile_routes
from lingpai.accounts import routes as accounts
from lingpai.authentication import identity_routes, wechat_notices
from lingpai.authentication import routes as authentication
from lingpai.legacy import user_register

ROUTES = (
    *user_register.ROUTES,  # /User/Register
    *accounts.ROUTES,  # /users/*: accounts and their roles
    *authentication.ROUTES,  # /users/*: passwords and numbers
    *identity_routes.ROUTES,  # /users/identities/*
    *wechat_notices.ROUTES,  # /wechat/notices/*
    *profile_routes.ROUTES,  # /userDetail/*
)

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
