"""The WSGI application, for gunicorn or another server."""

import os

from django.core.wsgi import get_wsgi_application

from app.core.web.chunked import ChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.django_settings")
application = ChunkedBodies(get_wsgi_application())
