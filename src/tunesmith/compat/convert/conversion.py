"""What comes of converting a script."""

from __future__ import annotations

from dataclasses import dataclass, field

from tunesmith.exceptions import TunesmithError


class ConversionError(TunesmithError):
    """A script that cannot be converted at all."""


@dataclass(frozen=True, order=True)
class Remark:
    """Something that is left to do by hand.

    Parameters
    ----------
    line : int
        Where, in the script as it was.
    text : str
        What.
    """

    line: int
    text: str


@dataclass(frozen=True)
class Conversion:
    """A script for tunesmith's own API.

    Parameters
    ----------
    text : str
        The script.
    remarks : tuple of Remark
        What is left to do, by line.
    """

    text: str
    remarks: tuple[Remark, ...] = ()


@dataclass
class Notes:
    """What is noted while a script is converted.

    Parameters
    ----------
    remarks : set of Remark
        What is left to do.
    imports : set of str
        Names of tunesmith's that the script needs.
    lines : set of str
        Other lines of imports that it needs.
    keeps : bool
        Whether something of the old library is left, so that its imports have to stay.
    """

    remarks: set[Remark] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    lines: set[str] = field(default_factory=set)
    keeps: bool = False

    def left(self, line: int, text: str) -> None:
        """Note that something is left as it was."""
        self.keeps = True
        self.remarks.add(Remark(line, text))

    def header(self) -> list[str]:
        """Return the lines of imports."""
        found = sorted(self.lines)
        if self.imports:
            found.append(f"from tunesmith import {', '.join(sorted(self.imports))}")
        return found
