"""A transport for httpx2 that calls the application in this process."""

from django.test import Client
from httpx2 import BaseTransport, Request, Response

from tests import described


class _Transport(BaseTransport):
    def __init__(self, address: str) -> None:
        self.address = address

    def handle_request(self, request: Request) -> Response:
        # A new client for each request: it must not add cookies that the test did not send.
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        answer = client.generic(
            request.method,
            request.url.raw_path.decode("ascii"),
            request.read(),
            content_type=request.headers.get("Content-Type", ""),
            headers=dict(request.headers),
            REMOTE_ADDR=self.address,
        )
        headers = [
            *answer.headers.items(),
            *(("Set-Cookie", cookie.OutputString()) for cookie in answer.cookies.values()),
        ]
        response = Response(answer.status_code, headers=headers, content=answer.getvalue())
        described.check(request, response)
        return response


def transport(address: str = "127.0.0.1") -> BaseTransport:
    """Return a transport that uses Django's test client; `address` is the client's IP address."""
    return _Transport(address)
