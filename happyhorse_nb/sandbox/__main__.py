"""``python -m happyhorse_nb.sandbox``."""

from happyhorse_nb.sandbox.run import main

if __name__ == "__main__":
    raise SystemExit(main())
