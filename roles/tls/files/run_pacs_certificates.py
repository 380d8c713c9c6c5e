"""Lets Python run this directory, so that the program is found here and nowhere else."""

from pacs_certificates import __main__  # noqa: F401
