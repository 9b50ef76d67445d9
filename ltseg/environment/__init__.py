"""What is installed, and what is wrong with it.

Importing this package imports nothing but the standard library, such that it works in a broken installation.
"""
