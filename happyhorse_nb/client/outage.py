"""What went wrong with the network: whether anything had left, and how it is said."""

from __future__ import annotations

import errno
import os
import re

import aiohttp
from aiohttp import http_exceptions

#: Bytes that a line of an answer's head may have. The usual limit is an eighth: a paid answer with more was lost.
HEADERS = 64 * 1024

#: What goes wrong before a byte has left.
UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)


#: OpenSSL's numbers for a certificate whose authority is not known here, its own included.
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)


def in_words(problem: BaseException) -> str:
    """What went wrong with the network in a few plain words.

    Of an address host and port alone: what is behind them may be a secret.
    """
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return f"the name {_host(problem.host)} cannot be found"
    if isinstance(problem, aiohttp.ClientConnectorCertificateError):
        return _untrusted(problem)
    if isinstance(problem, (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch)):
        return f"the secure connection{_to(problem)} could not be made"
    if isinstance(problem, aiohttp.ClientHttpProxyError):
        return f"the proxy answers {problem.status}"
    if isinstance(problem, TimeoutError):
        return "it took too long"
    number = getattr(problem, "errno", None) or getattr(getattr(problem, "os_error", None), "errno", None)
    if isinstance(problem, aiohttp.ClientConnectorError):
        if number == errno.ECONNREFUSED:
            return f"{_address(problem)} refuses the connection"
        why = f": {os.strerror(number).lower()}" if number and number > 0 else ""
        return f"no connection{_to(problem)}{why}"
    if isinstance(problem, aiohttp.ServerDisconnectedError):
        return "the server closed it"
    return "it broke off" if isinstance(problem, (aiohttp.ClientConnectionError, OSError)) else "the answer is damaged"


def _untrusted(problem: aiohttp.ClientConnectorCertificateError) -> str:
    why = problem.certificate_error
    said = str(getattr(why, "verify_message", "") or "it does not fit").rstrip(".")[:160]
    if getattr(why, "verify_code", None) not in _UNKNOWN_AUTHORITY:
        return f"the certificate of {_address(problem)} is not valid: {said}"
    return (
        f"the certificate of {_address(problem)} is not trusted: {said}. Where your network has an authority of its "
        "own, set SSL_CERT_FILE to the file with its certificate before Python starts"
    )


def _to(problem: BaseException) -> str:
    address = _address(problem)
    return f" to {address}" if address else ""


def _address(problem: BaseException) -> str:
    """Host and port that were tried, empty where the error does not say."""
    host, port = getattr(problem, "host", None), getattr(problem, "port", None)
    return f"{_host(host)}:{port}" if host else ""


def _host(host: str | None) -> str:
    name = re.sub(r"[^A-Za-z0-9._:-]", "?", host or "")[:253]
    return f"[{name}]" if ":" in name else name


def lost(problem: BaseException) -> str:
    """Why there is no answer that can be read, to a request that may have left."""
    wrong = damage(problem)
    return f"the server's {wrong}" if wrong else f"the connection was lost: {in_words(problem)}"


def damage(problem: BaseException) -> str | None:
    """What is wrong with an answer that did come, in words that begin with it; None where it only broke off."""
    chain: list[BaseException] = []
    cause: BaseException | None = problem
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__
    if any(isinstance(one, aiohttp.ClientHttpProxyError) for one in chain):
        return None
    if any(isinstance(one, http_exceptions.LineTooLong) or "Too many headers" in str(one) for one in chain):
        return f"answer has headers beyond {HEADERS // 1024} KB"
    if any(isinstance(one, http_exceptions.ContentEncodingError) for one in chain):
        return "answer cannot be unpacked"
    short = (http_exceptions.TransferEncodingError, http_exceptions.ContentLengthError)
    if any(isinstance(one, short) and "Not enough data" in str(one) for one in chain):
        return None
    return "answer is malformed" if any(isinstance(one, http_exceptions.HttpProcessingError) for one in chain) else None
