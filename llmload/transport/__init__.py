"""The only client-side HTTP: aiohttp behind one seam, and an in-memory double."""
