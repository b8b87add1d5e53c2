from datetime import date

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from ninja import Router

from app.config import urls
from app.core.web.access import public
from app.core.web.deprecation import Deprecation
from app.core.web.http import Api, deprecated, in_unit_of_work

SINCE, SUNSET, GUIDE = date(2026, 11, 1), date(2027, 5, 1), "https://example.com/moved"

router = Router()
router.add_decorator(in_unit_of_work, mode="view")


@router.get("/old", auth=public, response=int)
@deprecated(since=SINCE, sunset=SUNSET, guide=GUIDE)
def old(request: HttpRequest, limit: int = 1) -> int:
    return limit


api = Api(urls_namespace="old", openapi_url=None, docs_url=None)
api.add_router("", router)
urlpatterns = [path("", api.urls), *urls.urlpatterns]


@pytest.mark.urls(__name__)
@pytest.mark.usefixtures("database")
def test_one_declaration_gives_headers_and_document() -> None:
    client = Client()
    for address, status in (("/old", 200), ("/old?limit=x", 422)):
        answer = client.get(address)
        assert answer.status_code == status
        assert answer.headers["deprecation"] == "@1793491200"
        assert answer.headers["sunset"] == "Sat, 01 May 2027 00:00:00 GMT"
        assert answer.headers["link"] == f'<{GUIDE}>; rel="deprecation"; type="text/html"'
    assert "deprecation" not in client.get("/livez").headers
    assert api.document["paths"]["/old"]["get"]["deprecated"] is True


def test_sunset_before_deprecation_is_refused() -> None:
    with pytest.raises(ValueError, match="before"):
        Deprecation(SUNSET, SINCE)
