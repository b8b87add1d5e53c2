"""HTTP transport of the test clients: the application in this process."""

from httpx2 import BaseTransport, Request, Response

from app.main import create_app

app = create_app()


class _Transport(BaseTransport):
    def __init__(self, address: str) -> None:
        self.address = address

    def handle_request(self, request: Request) -> Response:
        response = app.test_client(use_cookies=False).open(
            request.url.raw_path.decode("ascii"),
            method=request.method,
            headers=[
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in request.headers.raw
            ],
            data=request.read(),
            environ_base={"REMOTE_ADDR": self.address},
            environ_overrides={"wsgi.input_terminated": True},  # as gunicorn sets it
        )
        return Response(
            response.status_code,
            headers=response.headers.to_wsgi_list(),
            content=response.get_data(),
        )


def transport(address: str = "127.0.0.1") -> BaseTransport:
    """Return a transport whose requests come from `address`, sent by Flask's test client."""
    return _Transport(address)
