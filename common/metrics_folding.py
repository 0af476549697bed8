"""Moving the counts of dead processes into one file of each kind, so that a kill at any point loses or doubles none.

Whoever folds may die as well. The new totals are written beside the old ones, then a journal says in one step what is
to be done; what it says can be done any number of times, and the next one to fold does it first. A file without a
journal counts for nothing. All of it happens under the lock of `common.shared_metrics`.
"""

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from prometheus_client.mmap_dict import MmapedDict

from common.metrics_merging import COUNTING, kind_of

# No process has this number; the client takes it for one more process.
GONE: Final = 0

_JOURNAL: Final = "fold.json"

# A number of a process is given again. Under another name the file of a dead one cannot be taken for its successor's.
_DEAD: Final = ".dead"
_NEXT: Final = ".next"


def fold(folder: Path, dead: Sequence[Path]) -> None:
    """Move what dead processes have counted into the totals.

    Args:
        folder: Where the files lie.
        dead: Files of processes that are gone.
    """
    _finish(folder)
    for path in dead:
        # A gauge of a process that is gone says nothing any more.
        if kind_of(path) in COUNTING and path.stat().st_size:
            path.rename(path.with_name(f"{path.stem}_{time.time_ns()}{_DEAD}"))
        else:
            path.unlink(missing_ok=True)
    retired = sorted(folder.glob(f"*{_DEAD}"))
    if not retired:
        return
    totals = {kind_of(path): folder / f"{kind_of(path)}_{GONE}.db" for path in retired}
    for kind, total in totals.items():
        _write_next(total, [path for path in retired if kind_of(path) == kind])
    entry = {"totals": [total.name for total in totals.values()], "folded": [path.name for path in retired]}
    scratch = folder / f"{_JOURNAL}{_NEXT}"
    scratch.write_text(json.dumps(entry), encoding="utf-8")
    # From here on the counts of the dead are in the totals; before, they were in their own files.
    scratch.rename(folder / _JOURNAL)
    _finish(folder)


def forget_folds(folder: Path) -> None:
    """Remove what a fold may have left under way."""
    for path in (folder / _JOURNAL, *folder.glob(f"*{_NEXT}"), *folder.glob(f"*{_DEAD}")):
        path.unlink(missing_ok=True)


def _finish(folder: Path) -> None:
    """Do what the journal says, if there is one; without one, a new total was not finished."""
    journal = folder / _JOURNAL
    if journal.exists():
        entry = json.loads(journal.read_text(encoding="utf-8"))
        for name in entry["totals"]:
            following = folder / f"{name}{_NEXT}"
            if following.exists():
                following.rename(folder / name)
        for name in entry["folded"]:
            (folder / name).unlink(missing_ok=True)
        journal.unlink()
    for path in folder.glob(f"*{_NEXT}"):
        path.unlink()


def _write_next(total: Path, retired: Sequence[Path]) -> None:
    following = total.with_name(f"{total.name}{_NEXT}")
    if total.exists():
        shutil.copyfile(total, following)
    sums = MmapedDict(str(following))  # type: ignore[no-untyped-call]
    try:
        for path in retired:
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
                before, _ = sums.read_value(key)  # type: ignore[no-untyped-call]
                sums.write_value(key, before + value, 0.0)  # type: ignore[no-untyped-call]
    finally:
        sums.close()  # type: ignore[no-untyped-call]
