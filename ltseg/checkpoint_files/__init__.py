"""Checkpoint files: loaded without running what is in them, with the damage in them named."""
