"""The composition root: puts the parts together for one run."""
