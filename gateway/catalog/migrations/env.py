"""Run by Alembic: migrations in the transaction that whoever upgrades has begun."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
