"""Terms on features, class means and classifier vectors that a head adds to its losses."""

from ltseg.regularizers.group import RegularizerGroup
from ltseg.regularizers.regularizer import Regularizer

__all__ = ['Regularizer', 'RegularizerGroup']
