"""What goes wrong on the user's side, in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ExportError(Exception):
    """One line: what, where, what to do."""


def unknown_model(home: str, name: str, names: Iterable[str]) -> ExportError:
    near = difflib.get_close_matches(name, names, 3, 0.4)
    return ExportError(f"{home} has no model {name!r}; the nearest are {', '.join(near) or 'none'}")
