"""The source documents: what they state, which page says it, and what to read differently."""

from .tables import Erratum, Statement, errata, statements

__all__ = ["Erratum", "Statement", "errata", "statements"]
