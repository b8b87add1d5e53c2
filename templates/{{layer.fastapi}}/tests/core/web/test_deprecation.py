from datetime import date

import pytest
from fastapi import APIRouter
from httpx2 import ASGITransport, AsyncClient

from app.core.web.deprecation import Deprecation
from app.core.web.http import UnitOfWorkRoute, deprecated
from app.main import create_app

SINCE, SUNSET, GUIDE = date(2026, 11, 1), date(2027, 5, 1), "https://example.com/moved"


@pytest.mark.usefixtures("database")
async def test_deprecated_sets_headers_and_openapi_flag() -> None:
    router = APIRouter(route_class=UnitOfWorkRoute)

    @router.get("/old", **deprecated(since=SINCE, sunset=SUNSET, guide=GUIDE))
    async def old(limit: int = 1) -> int:
        return limit

    app = create_app()
    app.include_router(router)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        for path, status in (("/old", 200), ("/old?limit=x", 422)):
            response = await client.get(path)
            assert response.status_code == status
            assert response.headers["deprecation"] == "@1793491200"
            assert response.headers["sunset"] == "Sat, 01 May 2027 00:00:00 GMT"
            assert response.headers["link"] == f'<{GUIDE}>; rel="deprecation"; type="text/html"'
        other = await client.get("/livez")
        assert "deprecation" not in other.headers
    assert app.openapi()["paths"]["/old"]["get"]["deprecated"] is True


def test_sunset_before_deprecation_is_rejected() -> None:
    with pytest.raises(ValueError, match="before"):
        Deprecation(SUNSET, SINCE)
