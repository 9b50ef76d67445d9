"""The command line: ``ltseg COMMAND`` and tools/*.py, and what the commands share."""
