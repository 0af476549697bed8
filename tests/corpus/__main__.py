"""The whole campaign on a stack of its own: `python -m tests.corpus --mutations 5000 --seed 1`, or `make corpus`."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.corpus.campaign import Campaign, Findings
from tests.corpus.cases import cases
from tests.fixtures.stack import LocalStack


def main() -> int:
    """Run it, print the figures and the faults; 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder) / "var")
        try:
            stack.start()
            found = Campaign(stack).run(cases(mutations=wanted.mutations, seed=wanted.seed))
        finally:
            stack.clean_up()
    sys.stdout.write(report(found, seed=wanted.seed) + "\n")
    return 1 if found.faults else 0


def report(found: Findings, *, seed: int) -> str:
    """Write the figures of a campaign."""
    lines = [
        f"{found.files} files, seed {seed}, in {found.seconds:.0f} s",
        f"ended: {dict(found.ended.most_common())}",
        f"previews: {dict(found.previews.most_common())}",
        f"slowest decoding: {found.slowest[0]:.2f} s ({found.slowest[1]})",
        f"most memory of a process: {', '.join(f'{part} {size / 1e6:.0f} MB' for part, size in found.memory.items())}",
        f"faults: {len(found.faults)}",
    ]
    return "\n".join(lines + found.faults[:50])


if __name__ == "__main__":
    sys.exit(main())
