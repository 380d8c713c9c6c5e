"""What can go wrong, as a sentence for the operator."""

from __future__ import annotations


class Problem(Exception):
    """A sentence that says what is wrong and, where it is known, what to do."""
