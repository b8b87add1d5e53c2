"""`shell`, with what a query needs: the models find no row outside of a unit of work."""

from django.core.management.commands import shell


class Command(shell.Command):
    """Django's, where `unit_of_work` and `tenancy` are imported too."""

    def get_auto_imports(self) -> list[str] | None:
        """Add them to the models."""
        return [
            *(super().get_auto_imports() or ()),
            "app.core.db.unit_of_work.unit_of_work",
            "app.core.db.tenancy",
        ]
