"""Codecs of pixel data: one registry, one module per library, arrays in and out, no I/O."""
