"""The command ``tunesmith``."""

from __future__ import annotations

import click

from tunesmith import __version__
from tunesmith.cli.convert import convert_command
from tunesmith.cli.demo import demo_command
from tunesmith.exceptions import TunesmithError


class _Group(click.Group):
    """Tells of errors raised on purpose, and of a Ctrl-C, in words instead of a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except TunesmithError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt as stop:
            for note in getattr(stop, "__notes__", ()):
                click.echo(f"\n{note}", err=True)
            raise


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Hyperparameter search by a change of import."""


main.add_command(convert_command)
main.add_command(demo_command)
