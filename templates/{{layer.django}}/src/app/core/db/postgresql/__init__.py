"""Django's PostgreSQL backend without one optimisation; see `base`."""
