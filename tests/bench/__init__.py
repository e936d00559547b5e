"""How fast the gateway is, beside others on the same machine: ``make bench``."""
