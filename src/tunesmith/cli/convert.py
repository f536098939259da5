"""``tunesmith convert``: a script of Hyperopt or Hyperas for tunesmith's own API."""

from __future__ import annotations

import tokenize
from io import BytesIO
from pathlib import Path

import click

from tunesmith.compat.convert import ConversionError, convert


@click.command("convert")
@click.argument("script", type=click.Path(path_type=Path))
@click.pass_context
def convert_command(context: click.Context, script: Path) -> None:
    """Print SCRIPT, of Hyperopt or Hyperas, rewritten for tunesmith.

    What is left to do is told on standard error, line by line; the script itself is not touched.
    Ends with 0 if nothing is left, 1 if something is, and 2 if nothing can be converted.
    """
    try:
        content = script.read_bytes()
        encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
        found = convert(content.decode(encoding), str(script))
    except (ConversionError, ImportError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        context.exit(2)
    except (SyntaxError, UnicodeDecodeError) as error:
        click.echo(f"Error: {script} is no text of Python's: {error}", err=True)
        context.exit(2)
    click.echo(found.text.encode(encoding), nl=False)
    for remark in found.remarks:
        click.echo(f"{script}:{remark.line}: {remark.text}", err=True)
    context.exit(1 if found.remarks else 0)
