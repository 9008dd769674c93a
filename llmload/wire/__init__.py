"""Decoders: bytes in, events out; no clock, no socket."""
