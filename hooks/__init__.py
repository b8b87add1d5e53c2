"""What `copier update` runs when it crosses a version that moved, renamed or dropped something."""
