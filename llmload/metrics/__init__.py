"""The metric catalogue, histograms, and the folds from Records to Summaries. Pure."""
