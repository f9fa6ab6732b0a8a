"""The console: pages for admins."""

from lingpai import bootstrap, priming
from lingpai.console import routes as console
from lingpai.console import view

ROUTES = console.ROUTES

handler = bootstrap.lambda_handler(*ROUTES)
priming.before_snapshot(*ROUTES)
view.load_before_snapshot()
