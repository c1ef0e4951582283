"""The source documents: their statements, the page that covers each, and their errata."""

from .tables import Erratum, Statement, errata, statements

__all__ = ["Erratum", "Statement", "errata", "statements"]
