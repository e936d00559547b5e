"""An AWS HealthImaging server on this machine, for whoever has no AWS account at hand."""
