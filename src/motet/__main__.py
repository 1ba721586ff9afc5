"""``python -m motet`` is the command ``motet``."""

import sys

from motet.cli.app import main

sys.exit(main())
