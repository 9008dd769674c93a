"""Objectives against what was measured: PASS or FAIL; the generator's health: can the figures be trusted? Pure."""
