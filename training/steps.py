"""The steps of training: each reads what the one before left in the run's folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import click
import torch
from torch import Tensor

from common.manifest import Manifest, OodRule
from common.model_store import ModelStore, Shadow
from training.about import ABOUT_NAME, read_abouts
from training.batches import epoch_size
from training.calibrate import abstain_threshold, fit_temperature
from training.card_texts import CARD_TEXTS
from training.checkpoint import EpochResult
from training.dataset import Dataset, Sample, survey, with_labels
from training.doubts import doubts
from training.evaluate import Thresholds, answered
from training.export import export, load_calibration
from training.fit import Pictures, fit
from training.foreign import FOREIGN_FILE, fit_score, save_score, threshold
from training.grouping import describe_groups, group_duplicates
from training.index import first_few
from training.leakage import leakage
from training.looks import looks_sentence, note_look
from training.outputs import split_outputs
from training.pixels import load_pixels, readable
from training.plan import FitPlan
from training.plots import draw_all
from training.progress import Pace, console, say, warn
from training.report import foreign_figures, shortcut_figures, split_figures
from training.run import CALIBRATION_FILE, Run
from training.split import assign_splits, require_usable
from training.start import starting_features
from training.tables import print_figures, print_history, print_split
from training.teacher import lessons
from worker.inference.calibration import probabilities
from worker.inference.predictor import load_predictor

ForeignKind = Literal["mahalanobis", "knn", "energy"]

# Larger than the network's input, so that crops still have pixels; smaller than the files, so that memory holds them.
_TRAIN_EDGE = 320
_VAL_EDGE = 512


def run_split(data: Path, run: Run, *, seed: int) -> Dataset:
    """Assign every readable image to a split, by group; find the groups where the index names none."""
    dataset = _usable_images(data)
    unnamed = sum(not sample.group for sample in dataset.samples)
    if unnamed:
        # By the same network for every plan: random weights would propose the wrong neighbours, and two networks on the
        # same photographs are compared on the same split.
        dataset = group_duplicates(dataset, starting_features(dataset, FitPlan()))
        say(f"{unnamed} images without a group: found {describe_groups(dataset)}")
    wanted = {sample.file: sample.split for sample in dataset.samples if sample.split}
    dataset = assign_splits(dataset, seed=seed)
    if moved := [sample for sample in dataset.samples if wanted.get(sample.file, sample.split) != sample.split]:
        names = first_few(f"{sample.file} to {sample.split}" for sample in moved)
        warn("moved", f"{len(moved)} images lie beside near-identical ones of another split of the index: {names}")
    for remark in require_usable(dataset):
        warn("note", remark)
    run.save_split(dataset)
    print_split(dataset)
    return dataset


def _usable_images(data: Path) -> Dataset:
    read_abouts(data / ABOUT_NAME)  # a mistake in it is told now, not after the training
    named, remarks = survey(data)
    dataset, broken = readable(named)
    for remark in [*remarks, *(f"{file}: {reason}" for file, reason in broken)]:
        warn("left out", remark)
    dataset = with_labels(dataset)
    if gone := [label for label in named.labels if label not in dataset.labels]:
        warn("left out", f"{', '.join(gone)}: no image of it can be read")
    return dataset


def run_fit(run: Run, plan: FitPlan) -> None:
    """Train, epoch by epoch; a run that was interrupted goes on after its last whole epoch."""
    dataset = run.dataset()
    learned_from = _learned_from(dataset, plan)
    epoch_size(learned_from, plan)  # refused before minutes of decoding
    train = load_pixels(dataset.root, learned_from, longest_edge=max(_TRAIN_EDGE, plan.input_size * 3 // 2))
    val = load_pixels(dataset.root, dataset.of("val"), longest_edge=_VAL_EDGE)
    taught = None if plan.teacher == "none" else lessons(run, plan, dataset, train.samples)
    if run.weights.is_file():
        choices = "these very" if run.is_fitted_by(plan) else "other"
        say(f"{run.folder} was fitted by {choices} choices: its weights will be replaced")
    watcher = _Watcher(run, plan)
    fitted = fit(
        Pictures(train, val, dataset.labels, run.split_digest, taught),
        plan,
        checkpoint=run.checkpoint,
        on_begin=watcher.begin,
        on_epoch=watcher.epoch,
    )
    run.save("history", [vars(result) for result in fitted.history])
    run.save_weights({name: _half(value).contiguous() for name, value in fitted.network.state_dict().items()})
    run.checkpoint.unlink(missing_ok=True)
    print_history(fitted.history)


class _Watcher:
    def __init__(self, run: Run, plan: FitPlan) -> None:
        self._run, self._plan, self._pace = run, plan, Pace()

    def begin(self) -> None:
        self._run.begin_fit(self._plan)
        self._pace = Pace()

    def epoch(self, result: EpochResult) -> None:
        print_epoch(result)
        self._pace.step(self._plan.epochs - result.epoch)


def run_calibrate(run: Run, *, rule: ForeignKind = "mahalanobis") -> None:
    """Fit temperature, abstention and the rule for foreign images on validation."""
    val, labels = split_outputs(run, "val"), run.dataset().labels
    temperature = fit_temperature(val.logits, val.truth, val.groups)
    rows = probabilities(val.logits, temperature)
    abstain = abstain_threshold(rows, val.truth)
    score = fit_score(rule, split_outputs(run, "train"), len(labels))
    ood_rule = OodRule(kind=rule, threshold=threshold(score, val), file=save_score(score, run.folder))
    values = {"temperature": temperature, "abstain_threshold": abstain, "ood_rule": ood_rule.model_dump()}
    run.save_measured("calibration", values, after=[FOREIGN_FILE])
    answers = answered(rows, val.truth, abstain)
    say(
        f"temperature {temperature:.4f}, answers from probability {abstain:.4f} on: {answers['share']:.1%} of the "
        f"validation images, {answers['accuracy']:.1%} of them right"
    )
    say(f"foreign from a {rule} score of {ood_rule.threshold:.4f} on")
    for doubt in doubts(temperature=temperature, answered=answers["share"], groups=len(set(val.groups))):
        warn("doubtful", doubt.sentence())


def run_evaluate(run: Run, *, test: bool, foreign: Path | None) -> None:
    """Measure the trained network on validation and, once a release, on test."""
    calibration = load_calibration(run)
    if test:
        note_look(run, "evaluate --test")
    thresholds = Thresholds(calibration["temperature"], calibration["abstain_threshold"])
    last = "test" if test else "val"
    found = split_figures(run, ("val", "test") if test else ("val",), thresholds)
    found["shortcuts"] = shortcut_figures(run, last)
    if foreign is not None:
        rule = OodRule(**calibration["ood_rule"])
        found["foreign"] = foreign_figures(run, foreign, last, rule)
    if test:
        found["leakage"] = stored_leakage(run)
    print_figures(found)
    draw_all(run, last, thresholds)
    # After the pictures: whoever finds figures finds the pictures of the same weights and thresholds.
    run.save_measured("metrics" if test else "metrics-val", found, after=[CALIBRATION_FILE])


def run_export(
    run: Run, store: ModelStore, version: str, *, notes: Mapping[str, str], about: Path | None = None
) -> Manifest:
    """Write a version into the store.

    Args:
        run: A fitted and evaluated run.
        store: Where to.
        version: Name of the version.
        notes: What stands below the card's figures besides the looks at test, by language; the English one by default.
        about: What the collector says of the photographs; the data set's own file by default.
    """
    abouts = read_abouts(about or run.dataset().root / ABOUT_NAME)
    whole = {}
    for language, texts in CARD_TEXTS.items():
        note = notes.get(language) or texts.from_english(notes.get("en", ""))
        whole[language] = "\n\n".join(part for part in (looks_sentence(run, texts), note) if part)
    manifest = export(run, store, version, notes=whole, abouts=abouts)
    console.print(f"exported [bold]{version}[/] to {store.root / version}")
    return manifest


def stored_leakage(run: Run) -> dict[str, float]:
    """Give what a random split would flatter, from the run's folder where it was measured before."""
    # Depends on the images and the starting weights alone, and costs as much as an epoch.
    plan = run.plan()
    source = [run.split_digest, plan.architecture, plan.weights, plan.preprocessing.digest, plan.seed]
    stored = run.load("leakage", step="evaluate --test") if (run.folder / "leakage.json").is_file() else {}
    if stored.get("source") != source:
        stored = {"source": source, "figures": leakage(run.dataset(), plan)}
        run.save("leakage", stored)
    found: dict[str, float] = stored["figures"]
    return found


def _half(value: Tensor) -> Tensor:
    half = value.half() if value.is_floating_point() else value
    # The variance of an untamed layer may be more than float16 can say.
    return half if bool(torch.isfinite(half).all()) else value


def _learned_from(dataset: Dataset, plan: FitPlan) -> list[Sample]:
    train = dataset.of("train")
    if plan.multi_label != "drop":
        return train
    kept = [sample for sample in train if len(sample.all_labels) < 2]
    if missing := sorted({sample.label for sample in train} - {sample.label for sample in kept}):
        raise click.UsageError(
            f"--multi-label drop leaves no training photograph of {', '.join(missing)}: each is filed under another "
            "label as well. Give --multi-label soft or own."
        )
    return kept


def print_epoch(result: EpochResult) -> None:
    """Print what one epoch gave."""
    say(
        f"epoch {result.epoch}: loss {result.loss:.3f}, validation loss {result.val_loss:.3f}, "
        f"validation macro-F1 {result.val_macro_f1:.3f}"
    )


def run_promote(store: ModelStore, version: str) -> None:
    """Let a version serve after its checksums and self-test have passed."""
    load_predictor(store, runtime="onnx", device="cpu", version=version)
    store.set_current(version)
    console.print(f"[bold]{version}[/] serves now")


def run_shadow(store: ModelStore, version: str, share: float) -> None:
    """Let a version answer a share of the jobs unseen after its checksums and self-test have passed.

    Raises:
        click.UsageError: It is the version that serves.
    """
    if version == store.current():
        raise click.UsageError(f"{version} serves already: a version cannot be the shadow of itself.")
    load_predictor(store, runtime="onnx", device="cpu", version=version)
    store.set_shadow(Shadow(version, share))
    console.print(f"[bold]{version}[/] answers {share:.0%} of the jobs unseen from now on")
