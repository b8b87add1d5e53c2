"""What request bodies accept beside what OpenAPI describes: nothing."""

import pytest
from pydantic import TypeAdapter, ValidationError

from app.core.schemas import DateInput, TimestampInput

DATE: TypeAdapter[DateInput] = TypeAdapter(DateInput)
TIMESTAMP: TypeAdapter[TimestampInput] = TypeAdapter(TimestampInput)


@pytest.mark.parametrize(
    "value", [1893456000, 1893456000.0, "1893456000", "2030-01-31T00:00:00Z", "2030-02-30", True]
)
def test_only_a_calendar_date_is_a_date(value: object) -> None:
    assert DATE.validate_python("2030-01-31").isoformat() == "2030-01-31"
    with pytest.raises(ValidationError):
        DATE.validate_python(value)


@pytest.mark.parametrize(
    "value", [1893456000, "1893456000", "1893456000.5", "-1", "2030-01-31", "2030-01-31T00:00:00"]
)
def test_only_a_date_with_time_and_zone_is_a_timestamp(value: object) -> None:
    expected = "2030-01-30T23:00:00+00:00"
    assert TIMESTAMP.validate_python("2030-01-31T00:00:00+01:00").isoformat() == expected
    with pytest.raises(ValidationError):
        TIMESTAMP.validate_python(value)
