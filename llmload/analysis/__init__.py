"""What is found in what was measured: series over time, comparisons, trends, causes. Pure."""
