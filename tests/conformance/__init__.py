"""The black-box HTTP suite of the contract; README.md says how it is run."""
