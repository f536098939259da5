"""What alembic runs to migrate: on the connection, and in the transaction, it is handed."""

from __future__ import annotations

from alembic import context

from tunesmith.storage.schema import VERSION_TABLE


def run() -> None:
    """Run the migrations."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, version_table=VERSION_TABLE)
    context.run_migrations()


# alembic loads this file by its path, under this name; an import by another does nothing.
if __name__ == "env_py":
    run()
