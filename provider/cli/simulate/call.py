"""`provider simulate call`: one call to a provider as Pango makes it, and what Pango would read."""

import json
import re
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import click
from click.decorators import FC

from provider.proof.simulator.answer_reading import ROLES
from provider.proof.simulator.provider_calls import Exchange, ProviderCall, TokenApi, call_provider

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")

_METHODS = click.Choice(["POST", "GET"])


class Address(click.ParamType[str]):
    """An http or https address."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check an address."""
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self.fail("write an address like http://127.0.0.1:8000/v1/data/voucher", param, ctx)
        return str(value)


class Pair(click.ParamType[tuple[str, str]]):
    """One name=value."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        name, separator, rest = value.partition("=")
        if not separator or not name.strip():
            self.fail("write NAME=VALUE", param, ctx)
        return name.strip(), rest.strip()


class Header(Pair):
    """One name=value that can be sent as a header (RFC 9110 section 5)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split at the first equals sign, and check both."""
        name, content = super().convert(value, param, ctx)
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(content):
            self.fail("a header has letters, digits and dashes before the =, and printable ASCII after it", param, ctx)
        return name, content


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object."""

    name = "JSON"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """Read the object."""
        if isinstance(value, dict):
            return value
        try:
            content = json.loads(value)
        except json.JSONDecodeError:
            content = None
        if not isinstance(content, dict):
            self.fail('write a JSON object like {"clientId": "...", "clientSecret": "..."}', param, ctx)
        return content


def _envelope_options(function: FC) -> FC:
    for role in reversed(ROLES):
        choices = click.Choice(ROLES[role])
        meaning = f"The {role.replace('_', ' ')}.  [default: whichever is there]"
        function = click.option(f"--{role.replace('_', '-')}", type=choices, help=meaning)(function)
    return function


@click.command("call")
@click.argument("url", type=Address())
@click.option(
    "--method", type=_METHODS, default="POST", show_default=True, help="GET sends the parameters in the address."
)
@click.option("--phone", default="", help="The phone of the person asked about.")
@click.option("--email", default="", help="The email of the person asked about.")
@click.option("--param", "parameters", type=Pair(), multiple=True, help="A parameter of your own; may be repeated.")
@click.option("--header", "headers", type=Header(), multiple=True, help="A header of each data call; may be repeated.")
@click.option("--token-url", type=Address(), help="Fetch a token here first.")
@click.option("--token-method", type=_METHODS, default="POST", show_default=True, help="How the token is fetched.")
@click.option("--token-body", type=JsonObject(), default={}, help="The body of the token call.")
@click.option("--token-field", default="data.accessToken", show_default=True, help="Where the token is in the answer.")
@click.option("--token-prefix", default="Bearer", show_default=True, help="The word before the token.")
@_envelope_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    context: click.Context,
    /,
    url: str,
    *,
    method: str,
    phone: str,
    email: str,
    token_url: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Call the Access Data API at URL as Pango does, and say what Pango would read.

    Ends with exit code 0 when Pango would read a success, with 1 otherwise. Keys and tokens are shown masked.
    """
    token_api = token_url and TokenApi(
        url=token_url,
        method=options["token_method"],
        path=options["token_field"],
        prefix=options["token_prefix"],
        body=options["token_body"],
    )
    call = call_provider(
        url,
        # Pango's templates name both, empty when unknown.
        {"phone": phone, "email": email, **dict(options["parameters"])},
        method=method,
        headers=dict(options["headers"]),
        token_api=token_api or None,
        names={role: options[role] for role in ROLES if options[role]},
    )
    if as_json:
        click.echo(
            json.dumps({"exchanges": [asdict(exchange) for exchange in call.exchanges], **_as_json(call)}, indent=2)
        )
    else:
        _print(call)
    context.exit(0 if call.reading.success else 1)


def _as_json(call: ProviderCall) -> dict[str, Any]:
    reading = asdict(call.reading)
    return {"success": reading["success"], "errorCode": reading["error_code"]} | {
        name: reading[name] for name in ("message", "data", "warnings")
    }


def _print(call: ProviderCall) -> None:
    for exchange in call.exchanges:
        _print_exchange(exchange)
    reading = call.reading
    click.secho("What Pango would read", bold=True)
    click.echo(f"  success  {'true' if reading.success else 'false'}")
    click.echo(f"  code     {_json(reading.error_code)}")
    click.echo(f"  message  {_json(reading.message)}")
    for name, member in reading.data.items():
        click.echo(f"  data     {name}: {_json(member.value)} ({member.type})")
    for warning in reading.warnings:
        click.secho(f"  warning  {warning}", fg="yellow")


def _print_exchange(exchange: Exchange) -> None:
    click.secho(f"{exchange.method} {exchange.url}", bold=True)
    for name, value in exchange.headers.items():
        click.echo(f"  {name}: {value}")
    if exchange.body is not None:
        click.echo(f"  {_json(exchange.body)}")
    click.echo(f"HTTP {exchange.status} in {exchange.milliseconds} ms")
    click.echo(f"  {exchange.answer}\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
