"""allauth's headless API (`/_allauth/`) with this service's tokens, sessions and rules.

docs/adr/0007-accounts-with-allauth.md has the reasons. `app.accounts.urls` lists the operations,
`inputs` checks their bodies, `views` has what allauth's views do not do, `tokens` is allauth's
token strategy.
"""
