"""Accepts X-Forwarded headers, but only from the proxies named in the settings."""

from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from provider.auth.addresses import is_within
from provider.errors import ConfigurationError

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def trust_proxies(app: WsgiApp, networks: Iterable[str]) -> WsgiApp:
    """Make the app use X-Forwarded-For, -Proto and -Host only of callers in these networks; ConfigurationError."""
    try:
        trusted = [ip_network(network.strip()) for network in networks if network.strip()]
    except ValueError as error:
        raise ConfigurationError(f"PROVIDER_TRUSTED_PROXIES: {error}. Write networks like 10.0.0.0/8.") from None
    if not trusted:
        return app
    fixed = ProxyFix(app, x_for=1, x_proto=1, x_host=1)

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        known = is_within(environ.get("REMOTE_ADDR"), trusted)
        return (fixed if known else app)(environ, start_response)

    return serve
