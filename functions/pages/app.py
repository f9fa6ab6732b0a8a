"""The pages that people see: to log in, to register, to let an app in, and to look after their account."""

from lingpai import bootstrap, priming
from lingpai.pages import rendering
from lingpai.pages.routes import ROUTES  # /oauth/authorize, /oauth/logout, /login, /account and the other pages

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
rendering.load_before_snapshot()
