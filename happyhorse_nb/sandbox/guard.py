"""What happens before and after every answer: the errors' format, who may ask, and how often."""

from __future__ import annotations

import logging
import re
import time

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from happyhorse_nb.sandbox.answers import Refusal, error
from happyhorse_nb.sandbox.throttle import Throttle

_log = logging.getLogger(__name__)

_WORDS = {
    404: "there is nothing at this address",
    405: "this address does not take that method",
    413: "the body is larger than any request that could be accepted",
}
#: Just these, as browsers and clients write them: how else a name can be read is not asked.
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
_WHOLE_ADDRESS = re.compile(r"http://([^/?#]*)")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every error the API's format, also those that aiohttp makes."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return error(refusal.status, refusal.detail, refusal.headers)
    except web.HTTPException as answer:
        if answer.status < 400:
            raise
        headers = {name: value for name, value in answer.headers.items() if name in ("Allow", "Content-Range")}
        return error(answer.status, _WORDS.get(answer.status, answer.reason.lower()), headers)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the caller gets an answer in the API's format
        _log.exception("%s %s", request.method, request.path)
        return error(500, f"the sandbox could not answer: {type(problem).__name__}")


def gate(throttle: Throttle) -> Middleware:
    """Let in whoever has a key and asks on loopback, no more often than the limit."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        # A web page whose name was made to point at this machine sends its own name as the host.
        if not all(_LOOPBACK.fullmatch(host) for host in _hosts(request)):
            raise Refusal(403, "the sandbox answers on loopback only")
        if not request.path.startswith("/api/"):
            return await handler(request)
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal(401, "send a key as 'Authorization: Bearer KEY'; the sandbox takes any")
        allowed, headers = throttle.take(time.time())
        if not allowed:
            raise Refusal(429, "too many requests in the last minute; wait as Retry-After says", headers)
        try:
            answer = await handler(request)
        except Refusal as refusal:
            refusal.headers = {**headers, **refusal.headers}
            raise
        answer.headers.update(headers)
        return answer

    return middleware


def _hosts(request: web.Request) -> list[str]:
    """Every name by which a request says whom it asks; an empty one where it says none, or says it in another way."""
    hosts = request.headers.getall(hdrs.HOST, [""])
    # As it was sent: a proxy is asked with a whole address, and others with no path at all.
    if not request.raw_path.startswith("/"):
        whole = _WHOLE_ADDRESS.match(request.raw_path)
        hosts = [*hosts, whole[1] if whole else ""]
    return hosts
