"""Changes of the catalog's tables, one module each, for Alembic."""
