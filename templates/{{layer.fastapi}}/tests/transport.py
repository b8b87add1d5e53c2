"""How the tests' HTTP client reaches the application."""

from httpx2 import ASGITransport

from app.main import create_app

app = create_app()


def transport(address: str = "127.0.0.1") -> ASGITransport:
    """Call the application in this process, from an address."""
    return ASGITransport(app=app, raise_app_exceptions=False, client=(address, 1))
