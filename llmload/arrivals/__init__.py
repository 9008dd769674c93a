"""When requests are due: curves, processes, schedules. Pure."""
