"""Architecture tests read the source and import the service; they need no server.

`just check` runs them without tests/conftest.py, which would start the servers:
`pytest --confcutdir=tests/architecture tests/architecture`.
"""

import os

# Before `app.settings` is imported: with "test" it does not read the developer's .env file.
os.environ.setdefault("ENVIRONMENT", "test")
