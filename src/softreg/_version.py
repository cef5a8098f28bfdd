"""The version, in one place; nothing else may be imported here."""

__version__ = "0.1.0"
