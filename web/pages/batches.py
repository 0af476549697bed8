"""The page of one batch: live progress, its photographs by label and confidence, exports, cancel and erase."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from common.errors import JobStoreUnavailableError
from common.jobs.batches import Batch, Closing
from web.i18n import language_code
from web.pages.batch_filter import BatchFilter
from web.pages.batch_view import BatchView
from web.pages.job_view import JobView
from web.pages.notices import Notice, with_notice
from web.services import Services, services

batch_pages = Blueprint("batch_pages", __name__)

# Tiles of one page: eight rows of six on a desktop, and what one round trip to the job store reads in about 10 ms.
_TILES: Final = 48

# Seconds between two looks of a page: at first a reader waits for the first results, later for thousands.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 5.0
_GROWTH: Final = 1.25


@dataclass(frozen=True)
class Tiles:
    """A part of a batch's photographs.

    Attributes:
        cursor: Where to go on; empty at the end.
    """

    jobs: Sequence[JobView]
    cursor: str


@batch_pages.get("/batches/<batch_id>")
def page(batch_id: str) -> str:
    """Show a batch, and those of its photographs that the reader wants to see."""
    found = services()
    view = _view(found, batch_id)
    return render_template("batch.html", view=view, tiles=_tiles(found, view), turn=0, pause=_FIRST_PAUSE)


@batch_pages.get("/batches/<batch_id>/progress")
def progress(batch_id: str) -> Response:
    """Answer the part of the page that counts; tell its script when a photograph has moved since it asked last."""
    turn = min(max(0, request.args.get("turn", 0, type=int)), 100)
    view = _view(services(), batch_id)
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * _GROWTH**turn)
    response = make_response(render_template("parts/batch_progress.html", view=view, turn=turn + 1, pause=pause))
    if request.args.get("seen") != view.standing:
        response.headers["HX-Trigger"] = "batch-moved"
    return response


@batch_pages.get("/batches/<batch_id>/tiles")
def tiles(batch_id: str) -> str:
    """Answer further photographs."""
    found = services()
    view = _view(found, batch_id)
    return render_template("parts/batch_tiles.html", view=view, tiles=_tiles(found, view))


@batch_pages.post("/batches/<batch_id>/cancel")
def cancel(batch_id: str) -> Response:
    """Take no more photographs and cancel what has not ended."""
    services().batches.close(batch_id, Closing.CANCELLED)
    return redirect(url_for("batch_pages.page", batch_id=batch_id), code=303)


@batch_pages.post("/batches/<batch_id>/delete")
def delete(batch_id: str) -> Response:
    """Erase a batch, its photographs and their results, then lead to the start page."""
    services().batches.close(batch_id, Closing.ERASED)
    return with_notice(redirect(url_for("uploads.index"), code=303), Notice.BATCH_ERASED)


def _view(found: Services, batch_id: str) -> BatchView:
    batch = found.batches.get(batch_id)
    return BatchView(
        batch,
        groups=found.batch_ranks.groups(batch_id),
        chosen=BatchFilter.read(request.args),
        texts=found.texts,
        language=language_code(),
        no_worker=_lacks_worker(found, batch),
    )


def _tiles(found: Services, view: BatchView) -> Tiles:
    ids, cursor = _ids(found, view)
    jobs = [job for job in found.store.read_many(ids) if job is not None]
    return Tiles([JobView(job, found.texts, language=view.language) for job in jobs], cursor)


def _ids(found: Services, view: BatchView) -> tuple[Sequence[str], str]:
    if not view.chosen.as_sent:
        ranked = found.batch_ranks.page(view.batch.id, view.chosen.ranks(view.groups), count=_TILES)
        return ranked.job_ids, ranked.cursor
    first = view.chosen.first_index
    ids = found.batches.job_ids(view.batch.id, first=first, count=_TILES)
    more = first + len(ids) < view.batch.total
    return ids, str(first + len(ids)) if more and ids else ""


def _lacks_worker(found: Services, batch: Batch) -> bool:
    """Whether no worker is known to be there for a batch that waits for one."""
    if batch.ended == batch.total:
        return False
    try:
        return not found.workers.alive()
    except JobStoreUnavailableError:
        return False
