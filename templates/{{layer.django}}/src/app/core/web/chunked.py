"""Bodies that are sent in chunks, without saying how long they are."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from app.settings import settings

_DRAINED_BYTES = 8 * 1024 * 1024


class ChunkedBodies:
    """Tells Django the length of such a body, which it would take for none.

    No more is read than the limit, and one byte by which `LimitMiddleware` knows.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ.get("HTTP_TRANSFER_ENCODING") and environ.get("wsgi.input_terminated"):
            source: Any = environ["wsgi.input"]
            body = source.read(settings.max_body_bytes + 1)
            if len(body) > settings.max_body_bytes:
                # Who is still sending would miss the answer.
                source.read(_DRAINED_BYTES)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        elif (length := int(environ.get("CONTENT_LENGTH") or 0)) > settings.max_body_bytes:
            # It is refused unread; but the next request on this connection stands behind it.
            environ["wsgi.input"].read(min(length, _DRAINED_BYTES))
        return self.application(environ, start_response)
