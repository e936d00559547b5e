"""The search index: every study, series and instance of the data stores served."""
