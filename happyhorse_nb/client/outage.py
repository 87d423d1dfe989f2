"""What went wrong with the network: whether anything had left, and how it is said."""

from __future__ import annotations

import os

import aiohttp

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
