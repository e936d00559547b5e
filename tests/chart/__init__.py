"""The Helm chart: rendered over a matrix of values, each object checked, and all together."""
