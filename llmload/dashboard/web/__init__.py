"""The dashboard in a browser: ``--web``. Frame -> Moment -> server-sent events -> a page that draws itself.

The run hands over a Frame at most once a second and never waits: the server has a thread of its own, and a browser
that reads slowly misses moments, which the next one it takes makes up for.
"""
