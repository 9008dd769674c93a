"""The simulated LLM service."""
