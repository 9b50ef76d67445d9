"""Trained models: building, loading, evaluating over tau, measuring their collapse."""

import ltseg.registry  # noqa: F401  isort: skip (names mmengine where it is missing)
