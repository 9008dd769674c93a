"""Results -> bytes."""
