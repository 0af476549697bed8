"""A sender: submits, repeats, watches, cancels and erases through HTTP alone, and writes down what it was told."""

import io
import random
import threading
import zipfile
from collections.abc import Sequence
from typing import Any

import httpx

from tests.chaos.ledger import BatchSent, Ledger, Sending
from tests.chaos.pictures import picture

# Above the time in which web gives up on Redis; an answer that takes longer counts as none.
_PATIENCE_SECONDS = 12.0
_REPETITIONS = 8
_SLOWEST_THINKING_SECONDS = 0.2
POISON_SHARE = 0.006

_STORAGE_FULL = 507
_UNAVAILABLE = 503


class Sender(threading.Thread):
    """Send until told to stop; what it does is drawn from its own seed."""

    def __init__(self, url: str, ledger: Ledger, *, number: int, seed: str, poison_share: float = POISON_SHARE) -> None:
        super().__init__(name=f"sender-{number}", daemon=True)
        self._url = f"{url}/api/v1"
        self._ledger = ledger
        self._chance = random.Random(f"{seed} sender {number}")
        self._prefix = f"{seed}-{number}"
        self._poison_share = poison_share
        self._images = 0
        self._stopping = threading.Event()
        self._singles: list[Sending] = []
        self._batches: list[BatchSent] = []

    def stop(self) -> None:
        """End after the request under way."""
        self._stopping.set()

    def run(self) -> None:
        """Act until stopped."""
        acts = {
            self._submit_single: 34,
            self._start_batch: 12,
            self._add_to_batch: 12,
            self._read_job: 18,
            self._repeat: 8,
            self._conflict: 2,
            self._read_preview: 4,
            self._erase_job: 5,
            self._cancel_batch: 3,
            self._erase_batch: 2,
        }
        with httpx.Client(timeout=_PATIENCE_SECONDS) as self._http:
            while not self._stopping.wait(self._chance.uniform(0, _SLOWEST_THINKING_SECONDS)):
                (act,) = self._chance.choices(list(acts), list(acts.values()))
                try:
                    act()
                except Exception as bug:
                    self._ledger.complain(f"the campaign itself failed in {act.__name__}: {bug!r}")
                    raise

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response | None:
        """Send a request; None where nobody knows what came of it."""
        self._ledger.requests += 1
        try:
            answer = self._http.request(method, f"{self._url}{path}", **request)
        except httpx.TransportError:
            self._ledger.unanswered += 1
            return None
        if answer.status_code == _UNAVAILABLE:
            self._ledger.put_off += 1
            return None
        if answer.status_code >= 500 and answer.status_code != _STORAGE_FULL:
            self._ledger.complain(f"{method} {path} was answered {answer.status_code}: {answer.text[:300]}")
            return None
        return answer

    # Submitting

    def _new_images(self, count: int) -> list[str]:
        names = []
        for _ in range(count):
            self._images += 1
            name = f"{self._prefix}-{self._images}.png"
            poison = self._chance.random() < self._poison_share
            self._ledger.images[name] = picture(name, poison=poison)
            if poison:
                self._ledger.poison.add(name)
            names.append(name)
        return names

    def _new_sending(self, count: int, *, batch: str | None = None) -> Sending:
        names = self._new_images(count)
        key = f"key {names[0]}" if self._chance.random() < 0.65 else None
        sending = Sending(names, key, batch)
        self._ledger.sendings.append(sending)
        return sending

    def _submit_single(self) -> None:
        sending = self._new_sending(1)
        self._singles.append(sending)
        self._send(sending)

    def _start_batch(self) -> None:
        key = f"batch {self._prefix} {len(self._batches)} {self._images}"
        for _ in range(_REPETITIONS):
            answer = self._ask("POST", "/batches", json={"name": key}, headers={"Idempotency-Key": key})
            if answer is not None:
                break
            if self._stopping.wait(0.3):
                return
        else:
            return
        if answer.status_code != 201:
            self._ledger.complain(f"a new batch was answered {answer.status_code}: {answer.text[:200]}")
            return
        batch = BatchSent(answer.json()["id"])
        self._ledger.batches[batch.id] = batch
        self._batches.append(batch)
        self._fill(batch)

    def _add_to_batch(self) -> None:
        if self._batches:
            self._fill(self._chance.choice(self._batches[-4:]))

    def _fill(self, batch: BatchSent) -> None:
        sending = self._new_sending(self._chance.randint(2, 30), batch=batch.id)
        batch.sendings.append(sending)
        self._send(sending, batch)

    def _repeat(self) -> None:
        """Send once more what was answered already, or was not, under the same key."""
        keyed = [sending for sending in self._singles[-10:] if sending.key]
        if keyed:
            self._send(self._chance.choice(keyed))

    def _conflict(self) -> None:
        """Send another image under a used key: refused, unless that key's job was erased or never was."""
        keyed = [one for one in self._singles[-10:] if one.key and one.told and one.told[-1][one.names[0]]]
        if not keyed:
            return
        used = self._chance.choice(keyed)
        (name,) = self._new_images(1)
        other = Sending([name], None)
        answer = self._post(other, key=used.key)
        if answer is not None and answer.status_code == 202:
            self._ledger.sendings.append(other)
            other.told.append({name: answer.json()["id"]})
            if not any(self._ledger.erasure_tried(job_id, None) for told in used.told for job_id in told.values()):
                self._ledger.complain(f"key {used.key!r} took another image than its own")
        elif answer is None:
            other.unknown = 1
            self._ledger.sendings.append(other)

    def _send(self, sending: Sending, batch: BatchSent | None = None) -> None:
        for _ in range(_REPETITIONS):
            answer = self._post(sending, key=sending.key)
            if answer is not None:
                self._note(sending, answer, batch)
                return
            sending.unknown += 1
            # Without a key a repetition would be another submission; and now and then a sender gives up.
            if not sending.key or self._chance.random() < 0.1 or self._stopping.wait(0.3):
                return

    def _post(self, sending: Sending, *, key: str | None) -> httpx.Response | None:
        headers = {"Idempotency-Key": key} if key else {}
        parts = [(name, self._ledger.images[name], "image/png") for name in sending.names]
        if sending.batch is None:
            return self._ask("POST", "/jobs", files={"image": parts[0]}, headers=headers)
        # The same bytes at each repetition: a zip carries no clock.
        if sending.names[0][-5] in "037":
            archive = {"archive": ("images.zip", _zip(parts), "application/zip")}
            return self._ask("POST", f"/batches/{sending.batch}/images", files=archive, headers=headers)
        images = [("images", part) for part in parts]
        return self._ask("POST", f"/batches/{sending.batch}/images", files=images, headers=headers)

    def _note(self, sending: Sending, answer: httpx.Response, batch: BatchSent | None) -> None:
        if answer.status_code != 202:
            if not self._may_refuse(sending, answer.status_code, batch):
                self._ledger.complain(f"{sending.names} were answered {answer.status_code}: {answer.text[:200]}")
            return
        document = answer.json()
        jobs = document["accepted"] if sending.batch else [document]
        told = {job["filename"]: job["id"] for job in jobs}
        if sorted(told) != sorted(sending.names):
            self._ledger.complain(f"{sending.names} were answered {answer.text[:300]}")
        if sending.told and sending.told[-1] != told and not self._any_erased(sending):
            self._ledger.complain(f"key {sending.key!r} gave {sending.told[-1]}, then {told}")
        if told not in sending.told:
            sending.told.append(told)

    def _any_erased(self, sending: Sending) -> bool:
        return any(self._ledger.erasure_tried(i, sending.batch) for told in sending.told for i in told.values())

    def _may_refuse(self, sending: Sending, status: int, batch: BatchSent | None) -> bool:
        if status == _STORAGE_FULL:
            return True
        if batch is None:
            # The job of the first answer was erased: just now, or so long ago that another image took its key.
            return status in {404, 409, 422} and self._any_erased(sending)
        return (status == 404 and batch.id in self._ledger.erased) or (status == 409 and batch.cancel_tried)

    # Watching

    def _a_job(self) -> tuple[str, str | None] | None:
        known = [s for s in (*self._singles[-8:], *(s for b in self._batches[-3:] for s in b.sendings)) if s.told]
        if not known:
            return None
        sending = self._chance.choice(known)
        return self._chance.choice(sorted(sending.told[-1].values())), sending.batch

    def _read_job(self) -> None:
        if job := self._a_job():
            answer = self._ask("GET", f"/jobs/{job[0]}", params={"wait": self._chance.choice((0, 0, 1))})
            if answer is None:
                return
            if answer.status_code == 200:
                self._ledger.see(answer.json())
            elif answer.status_code != 404 or not self._ledger.erasure_tried(*job):
                self._ledger.complain(f"job {job[0]}, accepted, is answered {answer.status_code}: {answer.text[:200]}")

    def _read_preview(self) -> None:
        if job := self._a_job():
            answer = self._ask("GET", f"/jobs/{job[0]}/preview")
            if answer is None or answer.status_code in {200, _STORAGE_FULL}:
                return
            if answer.status_code != 404 or not self._ledger.erasure_tried(*job):
                self._ledger.complain(f"the preview of {job[0]} is answered {answer.status_code}: {answer.text[:200]}")

    # Taking back

    def _erase_job(self) -> None:
        if job := self._a_job():
            self._erase(job[0], f"/jobs/{job[0]}")

    def _erase_batch(self) -> None:
        if self._batches:
            batch = self._batches.pop(self._chance.randrange(len(self._batches)))
            self._erase(batch.id, f"/batches/{batch.id}")

    def _erase(self, target: str, path: str) -> None:
        self._ledger.erased.setdefault(target, False)
        for _ in range(_REPETITIONS):
            answer = self._ask("DELETE", path)
            if answer is not None:
                # 404 to the first request too: web repeats a step whose answer from Redis was lost.
                if answer.status_code not in {204, 404}:
                    self._ledger.complain(f"DELETE {path} was answered {answer.status_code}")
                self._ledger.erased[target] = True
                return
            if self._chance.random() < 0.1 or self._stopping.wait(0.3):
                return

    def _cancel_batch(self) -> None:
        if not self._batches:
            return
        batch = self._chance.choice(self._batches[-3:])
        batch.cancel_tried = True
        answer = self._ask("POST", f"/batches/{batch.id}/cancel")
        if answer is None:
            return
        if answer.status_code != 200:
            self._ledger.complain(
                f"the cancelling of {batch.id} was answered {answer.status_code}: {answer.text[:200]}"
            )
            return
        batch.cancel_told = True
        counts = answer.json()["counts"]
        if counts["queued"] + counts["running"]:
            self._ledger.complain(f"batch {batch.id} was answered as cancelled with {counts}")
        page = self._ask("GET", f"/batches/{batch.id}/jobs", params={"limit": 500})
        for document in page.json()["jobs"] if page is not None else ():
            self._ledger.see(document)


def _zip(parts: Sequence[tuple[str, bytes, str]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content, _ in parts:
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()
