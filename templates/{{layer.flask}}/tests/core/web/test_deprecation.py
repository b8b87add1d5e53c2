from datetime import date

import pytest
from apiflask import APIBlueprint
from pydantic import BaseModel

from app.core.web.access import public
from app.core.web.deprecation import Deprecation
from app.core.web.http import deprecated
from app.main import create_app

SINCE, SUNSET, GUIDE = date(2026, 11, 1), date(2027, 5, 1), "https://example.com/moved"


class Query(BaseModel):
    limit: int = 1


@pytest.mark.usefixtures("database")
def test_deprecated_sets_headers_and_openapi_flag() -> None:
    blueprint = APIBlueprint("old", __name__)

    @blueprint.get("/old")
    @public
    @deprecated(since=SINCE, sunset=SUNSET, guide=GUIDE)
    @blueprint.input(Query, location="query", arg_name="query")
    def old(query: Query) -> str:
        return str(query.limit)

    app = create_app()
    app.register_blueprint(blueprint)
    client = app.test_client()
    for path, status in (("/old", 200), ("/old?limit=x", 422)):
        response = client.get(path)
        assert response.status_code == status
        assert response.headers["deprecation"] == "@1793491200"
        assert response.headers["sunset"] == "Sat, 01 May 2027 00:00:00 GMT"
        assert response.headers["link"] == f'<{GUIDE}>; rel="deprecation"; type="text/html"'
    assert "deprecation" not in client.get("/livez").headers
    assert app.spec["paths"]["/old"]["get"]["deprecated"] is True  # type: ignore[index]  # `spec` can be YAML text, here it is a dict


def test_sunset_before_deprecation_is_rejected() -> None:
    with pytest.raises(ValueError, match="before"):
        Deprecation(SUNSET, SINCE)
