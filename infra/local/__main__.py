"""`python -m infra.local`: what `make run` and `make stop` call."""

import sys

from infra.local.launcher import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
