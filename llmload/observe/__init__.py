"""The target and this machine from outside."""
