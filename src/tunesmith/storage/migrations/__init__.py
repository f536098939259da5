"""Migrations of the tables, run by alembic."""

from __future__ import annotations

from sqlalchemy import Connection


def migrate(connection: Connection) -> None:
    """Bring the tables to the newest version, in the transaction under way."""
    # Loading alembic takes longer than opening a study; most need no migration.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "tunesmith.storage:migrations")
    command.upgrade(config, "head")
