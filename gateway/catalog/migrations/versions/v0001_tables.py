"""All tables of the first version."""

from alembic import op

from gateway.catalog import dialects
from gateway.catalog.schema import PERSON, TABLES

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, their indexes, and the name that stands for none."""
    connection = op.get_bind()
    TABLES.create_all(connection)
    dialects.create_trigrams(connection)
    connection.execute(PERSON.insert().values(id=0, name="", folded=""))
