"""Who is answered, and what every answer carries.

Pages of other hosts can make a browser ask this server: by a name that leads here (so the Host
header is checked), or by a form (so Origin is). What it answers, only its own pages may use.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HTTP_PORT = 80
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # asked again each time: a build may have changed it
}


def make_policy(**changes: str) -> str:
    """Return a content security policy: what pages need beyond POLICY, as `style_src=...`."""
    rules = POLICY | {name.replace("_", "-"): value for name, value in changes.items()}
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def list_hosts(port: int) -> frozenset[str]:
    """Return what the Host header may be."""
    names = ("127.0.0.1", "localhost")
    bare = names if port == HTTP_PORT else ()
    return frozenset({*bare, *(f"{name}:{port}" for name in names)})


def guard(app: ASGIApp, hosts: frozenset[str]) -> ASGIApp:
    """Return the app behind the checks, with the headers of every answer."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in {**HEADERS, "content-security-policy": make_policy()}.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = _refuse(Request(scope).headers, scope["method"], hosts)
        await (refusal or app)(scope, receive, send_with_headers)

    return guarded


def _refuse(headers: Mapping[str, str], method: str, hosts: frozenset[str]) -> ASGIApp | None:
    """Return what is answered in place of the app, None where nothing is wrong."""
    if headers.get("host", "").lower() not in hosts:
        return PlainTextResponse("Use the address that `ispy1 serve` printed.\n", 421)
    if method == "POST" and not _is_own(headers, hosts):
        return PlainTextResponse("Only a page of this server may ask this.\n", 403)
    return None


def _is_own(headers: Mapping[str, str], hosts: frozenset[str]) -> bool:
    """Return whether a page of this server asks, or no browser at all."""
    origin = headers.get("origin")
    return (
        (origin is None or origin in {f"http://{host}" for host in hosts})
        and headers.get("sec-fetch-site", "same-origin") == "same-origin"
        and headers.get("content-type", "").startswith("application/json")
    )
