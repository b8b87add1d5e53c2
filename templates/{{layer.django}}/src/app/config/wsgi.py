import os

from django.core.wsgi import get_wsgi_application

from app.core.web.chunked import ChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.config.settings")
application = ChunkedBodies(get_wsgi_application())
