"""Files of the user's own: prompts and conversations, and traces of what was asked when. Read by rows."""
