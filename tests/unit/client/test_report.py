"""What the command line shows."""

import io
from typing import Any

from rich.console import Console

from client.corrections import Export
from client.records import Job
from client.report import DISCLAIMER, Submission, show_export, show_job, show_submissions

ANSWER: dict[str, Any] = {
    "id": "j1",
    "status": "succeeded",
    "outcome": "answered",
    "model_version": "m1",
    "predictions": [{"label": "caries", "probability": 0.934}, {"label": "healthy", "probability": 0.066}],
    "filename": "[bold]x.jpg",
    "disclaimer": "Ask a dentist, says the server.",
}


def shown(show: Any, content: Any) -> str:
    text = io.StringIO()
    show(Console(file=text, width=120), content)
    return text.getvalue()


def test_a_result_shows_file_outcome_best_label_and_model() -> None:
    text = shown(show_submissions, [Submission("a.jpg", Job.from_answer(ANSWER))])
    row = next(line.split() for line in text.splitlines() if line.startswith("a.jpg"))
    assert row == ["a.jpg", "answered", "caries", "93.4%", "m1"]


def test_each_failure_stands_below_with_its_reason() -> None:
    failed = Job.from_answer({"id": "j2", "status": "failed"})
    text = shown(
        show_submissions,
        [
            Submission("a.txt", None, "image_format_unsupported", "It is text."),
            Submission("b.jpg", failed, "poison", "It stopped its worker."),
        ],
    )
    assert "a.txt: It is text. (image_format_unsupported)" in text
    assert "b.jpg: It stopped its worker. (poison)" in text


def test_an_uncertain_result_is_a_result() -> None:
    submission = Submission("a.jpg", Job.from_answer({**ANSWER, "outcome": "uncertain"}))
    assert submission.succeeded
    assert "uncertain" in shown(show_submissions, [submission])


def test_what_a_result_is_not_is_said_once_in_the_servers_words() -> None:
    submission = Submission("a.jpg", Job.from_answer(ANSWER))
    assert shown(show_submissions, [submission] * 3).count("Ask a dentist, says the server.") == 1


def test_without_the_servers_words_our_own_are_said() -> None:
    assert DISCLAIMER in shown(show_submissions, [Submission("a.txt", None, "image_empty", "Empty.")])


def test_square_brackets_of_a_file_name_are_no_mark_up() -> None:
    job = Job.from_answer(ANSWER)
    assert "[bold]x.jpg" in shown(show_job, job)
    assert "[red]y.jpg" in shown(show_submissions, [Submission("[red]y.jpg", job)])


def test_a_long_file_name_is_folded_not_cut() -> None:
    name = "a" * 200 + ".jpg"
    text = shown(show_submissions, [Submission(name, Job.from_answer(ANSWER))])
    assert text.count("a" * 20) >= 200 // 120
    assert "…" not in text


def test_json_holds_the_job_and_the_file() -> None:
    content = Submission("dir/a.jpg", Job.from_answer(ANSWER)).as_json()
    assert content == {"file": "dir/a.jpg", **ANSWER}


def test_json_of_a_rejected_file_holds_the_reason() -> None:
    content = Submission("a.txt", None, "image_empty", "Empty.").as_json()
    assert content == {
        "file": "a.txt",
        "status": "rejected",
        "error": {"code": "image_empty", "message": "Empty."},
    }


def test_an_export_tells_what_it_took_out_and_what_stays_by_itself() -> None:
    text = shown(lambda console, export: show_export(console, export, "data"), Export(withdrawn=2, unreported=5))
    assert "took their corrections back: 2" in text
    assert "no longer knows, and that stay: 5" in text
    quiet = shown(lambda console, export: show_export(console, export, "data"), Export(written=1))
    assert len(quiet.splitlines()) == 1
