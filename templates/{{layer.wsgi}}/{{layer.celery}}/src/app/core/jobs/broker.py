"""Publishes messages to the workers, through Celery."""

from app.core.jobs.celery_app import publish

__all__ = ["publish"]
