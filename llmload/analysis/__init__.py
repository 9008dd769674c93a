"""Reading saved results: comparisons, trends, causes. Pure."""
