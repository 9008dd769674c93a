"""Runs a Plan: dispatch, one call, caps, time-outs, stopping."""
