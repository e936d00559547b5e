"""The container's image, as far as no engine is needed."""
