"""What goes wrong on the user's side, in one line."""

from __future__ import annotations


class ExportError(Exception):
    """One line: what, where, what to do."""
