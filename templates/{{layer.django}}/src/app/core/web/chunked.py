"""WSGI middleware for request bodies with `Transfer-Encoding: chunked`."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from app.settings import settings

_DRAINED_BYTES = 8 * 1024 * 1024


class ChunkedBodies:
    """Reads a chunked body and sets CONTENT_LENGTH, without which Django ignores the body.

    It reads at most MAX_BODY_BYTES and one byte more, by which `BodyLimitMiddleware` refuses it.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING") and environ.get("wsgi.input_terminated"):
            source: Any = environ["wsgi.input"]
            body = source.read(settings.max_body_bytes + 1)
            if len(body) > settings.max_body_bytes:
                # A client that is still sending would not read the response.
                source.read(_DRAINED_BYTES)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        elif (length := int(environ.get("CONTENT_LENGTH") or 0)) > settings.max_body_bytes:
            # Refused unread, but the next request on this connection comes after the body.
            environ["wsgi.input"].read(min(length, _DRAINED_BYTES))
        return self.application(environ, start_response)
