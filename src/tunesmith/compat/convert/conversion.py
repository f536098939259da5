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
    imports : set of (str, str)
        Modules and names in them that the script needs; a module itself has no name.
    keeps : bool
        Whether something of the old library is left, so that its imports have to stay.
    """

    remarks: set[Remark] = field(default_factory=set)
    imports: set[tuple[str, str]] = field(default_factory=set)
    keeps: bool = False

    def todo(self, line: int, text: str) -> None:
        """Note something that is to be done by hand."""
        self.remarks.add(Remark(line, text))

    def left(self, line: int, text: str) -> None:
        """Note that something is left as it was."""
        self.keeps = True
        self.todo(line, text)

    def needs(self, name: str, module: str = "tunesmith") -> None:
        """Note a name that is to be imported; an empty one for the module itself."""
        self.imports.add((module, name))

    def header(self, there: set[str]) -> list[str]:
        """Return the lines of imports, but for modules that are imported already."""
        whole = sorted(m for m, name in self.imports if not name and m not in there)
        found = [f"import {module}" for module in whole]
        for module in sorted({m for m, name in self.imports if name}):
            names = sorted(name for m, name in self.imports if m == module and name)
            found.append(f"from {module} import {', '.join(names)}")
        return found
