"""Black-box HTTP tests of the contract; see README.md."""
