"""A postmaster's own Python, as it is found, loaded and asked in a child process; `mailscan.userfile` is the filter.

Nothing here is loaded unless a policy names such a file.
"""
