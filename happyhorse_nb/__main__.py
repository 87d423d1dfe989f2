"""``python -m happyhorse_nb``: the same as the command ``happyhorse-nb``."""

import sys

from happyhorse_nb.cli import main

sys.exit(main())
