"""The rows of the table, each a function from what is at hand to results."""
