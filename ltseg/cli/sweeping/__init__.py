"""Parts of ``ltseg sweep``: the options that it varies, its training runs, and what it leaves."""
