"""Summary -> Rich renderable, and its refresh loop."""
