"""Caches of what HealthImaging gave; the event loop's alone, bounded by bytes."""
