"""Logs; metrics and traces come with the operations work."""
