"""All routes of the console, and who may use them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Blueprint

from hyperinfer.api.console.accounts import account_routes
from hyperinfer.api.console.guard import API_PATH
from hyperinfer.api.console.pages import page_routes
from hyperinfer.api.console.playground import playground_routes, take_large_bodies
from hyperinfer.api.console.requests import request_routes
from hyperinfer.api.console.sign_in import Gate, session_routes

if TYPE_CHECKING:
    from quart_trio import QuartTrio

    from hyperinfer.api.console.settings import ConsoleSettings
    from hyperinfer.api.gateway import Gateway


def console_routes(app: QuartTrio, gateway: Gateway, settings: ConsoleSettings) -> None:
    """GET /, the files below /console/assets, and everything under /console/api: for those alone who have signed in."""
    page_routes(app)
    take_large_bodies(app, gateway)
    gate = Gate(gateway, settings)
    app.before_request(gate.check)
    api = Blueprint("console", __name__, url_prefix=API_PATH)
    session_routes(api, gate)
    for register in (account_routes, request_routes, playground_routes):
        register(api, gateway)
    app.register_blueprint(api)
