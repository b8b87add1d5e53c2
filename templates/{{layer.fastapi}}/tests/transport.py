"""HTTP transport of the test clients: the application in this process."""

from httpx2 import ASGITransport

from app.main import create_app

app = create_app()


def transport(address: str = "127.0.0.1") -> ASGITransport:
    """Return a transport whose requests come from `address`."""
    return ASGITransport(app=app, raise_app_exceptions=False, client=(address, 1))
