"""What requests are made of: mix, prompts, lengths, tokens. Pure."""
