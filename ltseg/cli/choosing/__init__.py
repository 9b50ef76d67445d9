"""Parts of ``ltseg choose``: methods, features, training runs side by side, and the verdict."""
