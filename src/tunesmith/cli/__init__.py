"""The command ``tunesmith``."""

from __future__ import annotations

import click

from tunesmith import __version__
from tunesmith.cli.demo import demo_command
from tunesmith.exceptions import TunesmithError


class _Group(click.Group):
    """Turns errors that tunesmith raises on purpose into one line and a failure."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except TunesmithError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Hyperparameter search by a change of import."""


main.add_command(demo_command)
