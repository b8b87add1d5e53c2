#!/usr/bin/env python
"""Django's command line: `python manage.py shell`. The service's own is `python -m app`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.django_settings")
    execute_from_command_line(sys.argv)
