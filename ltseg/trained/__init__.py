"""Trained models: building, loading, evaluating over tau, measuring their collapse."""
