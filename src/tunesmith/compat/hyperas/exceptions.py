"""What can be wrong with a template."""

from __future__ import annotations

from tunesmith.exceptions import SpaceError


class TemplateError(SpaceError):
    """A template, or a function with templates, that cannot be searched over."""
