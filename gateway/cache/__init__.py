"""Caches of what HealthImaging gave: bounded by bytes, and never in a request's way."""
