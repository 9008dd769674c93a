"""Runs shards of one Plan in other processes and merges their Summaries."""
