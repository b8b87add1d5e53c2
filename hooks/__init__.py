"""Migrations that `copier update` runs across versions that moved or renamed something."""
