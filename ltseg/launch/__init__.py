"""What the tools share: configs, checks before anything is built, one clear message for each fault, run records."""
