"""The pages that people see: to log in, to register, to let an app in, and to look after their account.

Also logins in an app without a browser, which prove the same factors.
"""

from lingpai import bootstrap, priming
from lingpai.authorization_challenge import routes as authorization_challenge
from lingpai.pages import rendering
from lingpai.pages import routes as pages

ROUTES = (
    *pages.ROUTES,  # /oauth/authorize, /oauth/logout, /login, /account and the other pages
    *authorization_challenge.ROUTES,  # /oauth/challenge
)

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
rendering.load_before_snapshot()
