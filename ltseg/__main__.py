"""``python -m ltseg COMMAND`` is ``ltseg COMMAND``."""

import sys

from ltseg.cli.main import main

if __name__ == '__main__':
    sys.exit(main())
