"""What a person writes (TOML) -> a frozen Plan."""
