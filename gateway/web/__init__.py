"""Starlette in, Starlette out: requests to services, results to answers."""
