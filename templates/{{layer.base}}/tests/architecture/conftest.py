"""These checks read the source and import the service; they need no server.

So `just check` runs them alone, without the fixtures of the folder above:
`pytest --confcutdir=tests/architecture tests/architecture`.
"""

import os

# Before anything imports the settings: a developer's own must not change what is found.
os.environ.setdefault("ENVIRONMENT", "test")
