"""MiniCity: small generated street scenes with the classes of Cityscapes and skewed pixel shares."""
