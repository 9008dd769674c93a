"""Live outputs: they own a file, socket or timer while a run goes on."""
