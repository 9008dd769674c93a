"""The report as a page: one file that needs nothing else, no network, no script."""
