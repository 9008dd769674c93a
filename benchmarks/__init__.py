"""Benchmarks of llmload itself: ``python3 tasks.py bench``. See README.md here and docs/performance.md."""
