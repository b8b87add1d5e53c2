from factory import Sequence

from app.widgets.models import Widget
from tests.factories import TenantOwnedFactory


class WidgetFactory(TenantOwnedFactory[Widget]):
    class Meta:
        model = Widget

    name = Sequence(lambda number: f"Widget {number}")
