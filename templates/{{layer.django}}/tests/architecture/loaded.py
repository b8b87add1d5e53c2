"""Django, set up for the checks that look at models and routes."""

import os

import django


def load() -> None:
    """Load every app; not when pytest starts, since the tests' own settings come later."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.config.settings")
    django.setup()
