"""Hooks: counting before training, schedules, monitors."""

from ltseg.hooks.count_classes import CountClasses

__all__ = ['CountClasses']
