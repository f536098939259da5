"""What comes of converting a script."""

from __future__ import annotations

from collections.abc import Mapping
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
    bound : mapping of str to set of str
        The script's own names, and what they are imported from; "" for those it makes.
    remarks : set of Remark
        What is left to do.
    imports : set of (str, str)
        Modules and names in them that the script needs; a module itself has no name.
    keeps : bool
        Whether something of the old library is left, so that its imports have to stay.
    told : set of int
        Lines that there is a remark on.
    """

    bound: Mapping[str, set[str]] = field(default_factory=dict)
    remarks: set[Remark] = field(default_factory=set)
    imports: set[tuple[str, str]] = field(default_factory=set)
    keeps: bool = False
    told: set[int] = field(default_factory=set)

    def todo(self, line: int, text: str) -> None:
        """Note something that is to be done by hand."""
        self.remarks.add(Remark(line, text))
        self.told.add(line)

    def left(self, line: int, text: str, last: int | None = None) -> None:
        """Note that something is left as it was, maybe up to a last line."""
        self.keeps = True
        self.todo(line, text)
        self.told.update(range(line, (last or line) + 1))

    @property
    def imported(self) -> set[str]:
        """The names that the imports give."""
        return {self._local(*one).split(".")[0] for one in self.imports}

    def needs(self, name: str, module: str = "tunesmith") -> str:
        """Note a name that is to be imported, an empty one for a module; return its name here."""
        self.imports.add((module, name))
        return self._local(module, name)

    def free(self, *names: str) -> str:
        """Return the first of some names that the script does not use itself."""
        return next((name for name in names if name not in self.bound), f"tunesmith_{names[0]}")

    def header(self, there: set[str]) -> list[str]:
        """Return the lines of imports, but for modules that are imported already."""
        found = []
        for module in sorted(m for m, name in self.imports if not name and m not in there):
            found.append(f"import {_named(module, self._local(module, ''))}")
        for module in sorted({m for m, name in self.imports if name}):
            names = sorted(name for m, name in self.imports if m == module and name)
            listed = ", ".join(_named(name, self._local(module, name)) for name in names)
            found.append(f"from {module} import {listed}")
        return found

    def drop_unused(self, used: set[str]) -> None:
        """Forget imports that are not used after all."""
        self.imports = {one for one in self.imports if self._local(*one) in used}

    def _local(self, module: str, name: str) -> str:
        plain, path = name or module, f"{module}.{name}".rstrip(".")
        is_other = bool(self.bound.get(plain, set()) - {path})
        return f"{module.split('.')[0]}_{plain}" if is_other else plain


def _named(name: str, local: str) -> str:
    return name if name == local else f"{name} as {local}"
