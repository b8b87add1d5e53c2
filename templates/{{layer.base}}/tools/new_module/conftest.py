# Its tests belong to the modules that are made of it.
collect_ignore = ["skeleton"]
