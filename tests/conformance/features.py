"""Optional modules of a service."""

# The name of a module is a part of its paths.
FEATURES = ("exports", "dashboard")
