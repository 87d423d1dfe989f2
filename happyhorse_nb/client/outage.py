"""What went wrong with the network: whether anything had left, and how it is said."""

from __future__ import annotations

import os

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


def in_words(problem: BaseException) -> str:
    """What went wrong with the network in a few plain words, without addresses: links from a server are secrets."""
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return "the server's name cannot be found"
    if isinstance(problem, (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch)):
        return "the secure connection could not be made"
    if isinstance(problem, aiohttp.ClientHttpProxyError):
        return f"the proxy answers {problem.status}"
    if isinstance(problem, TimeoutError):
        return "it took too long"
    number = getattr(problem, "errno", None) or getattr(getattr(problem, "os_error", None), "errno", None)
    if isinstance(problem, aiohttp.ClientConnectorError):
        return os.strerror(number).lower() if number and number > 0 else "no connection to the server"
    if isinstance(problem, aiohttp.ServerDisconnectedError):
        return "the server closed it"
    return "it broke off" if isinstance(problem, (aiohttp.ClientConnectionError, OSError)) else "the answer is damaged"


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
