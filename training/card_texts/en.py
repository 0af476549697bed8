"""The model card in English."""

from typing import Final

from training.card_texts.texts import CardTexts

ENGLISH: Final = CardTexts(
    decimal_sign=".",
    percent_sign="%",
    finish=str,
    in_english="{text}",
    head="""\
# {version}

{architecture} at {size} pixels.
Labels: {labels}.
Made {made:%Y-%m-%d %H:%M} UTC, seed {seed}, preprocessing digest `{preprocessing}`.
{measured}ONNX against torch on the test split: equal top label {same_label:.0%}, \
largest difference of a probability {difference:.1e}.

**Research use only.** It informs; it does not diagnose. {licence}""",
    measured="Calibrated and measured with ONNX Runtime {runtime}, as a worker on CPUs answers.\n",
    licence_unknown="""\
Nobody stated under which licence the
photographs it learned from may be used, nor what may be done with a version made of them.""",
    figures="""\
## Figures

Split by group of near-identical photographs, never by image. `all` counts the augmented copies that the
sources ship, `original` does not. In brackets 95 % intervals, by resampling groups. Temperature, abstention
and the rule for foreign images were fitted on validation.

{note}

{table}

Temperature {temperature:.4f}; answered from a probability of {threshold:.4f} on.
Calibration error: 15 bins of equal mass.

{doubts}![confusion matrix](confusion.png) ![reliability](reliability.png) ![risk and coverage](risk_coverage.png)
![training](history.png)""",
    figures_columns=(
        "split",
        "images (groups)",
        "accuracy",
        "macro-F1",
        "calibration error",
        "answered",
        "of it right",
    ),
    names={"val": "val", "test": "test", "all": "all", "original": "original"},
    interval="{value:.3f} ({low:.2f} to {high:.2f})",
    looked_once="Test was looked at once in this run.",
    looked_often="""\
Test was looked at {count} times in this run, each time at another network, input size or calibration:
what was chosen after the first look may owe something to luck.""",
    doubtful="**Doubtful.** {doubt}\n\n",
    doubts={
        "lowest": "The temperature {temperature:.4f} is the lowest that is tried, and validation asked for a lower "
        "one: the network is nearly always right there, or hardly ever sure.",
        "highest": "The temperature {temperature:.4f} is the highest that is tried, and validation asked for a higher "
        "one: the network is hardly better than chance there.",
        "few_answers": "Only {answered:.1%} of the validation images are answered, for no lower threshold makes "
        "{wanted:.0%} of the answers right: nearly every photograph will be `uncertain`.",
        "few_groups": "Temperature and thresholds were fitted on {groups} groups of photographs: so few say little "
        "about others.",
    },
    by_label="## By label\n\n{table}",
    by_label_columns=("label", "F1, test, all", "F1, test, original"),
    no_image="no image",
    shortcuts="## Shortcuts\n\nThe test split with one giveaway taken from every photograph.\n\n{table}",
    shortcuts_columns=("change", "macro-F1, test, all", "loss"),
    shortcut_names={
        "reencoded": "one size (256 pixels) and one JPEG quality (70)",
        "cropped": "one aspect ratio (1.4, middle)",
        "grey_balanced": "one white balance (grey world)",
    },
    foreign="""\
## Foreign images

None of them was trained on, but they chose the kind of rule: {rule} serves. Its threshold
comes from dental validation photographs alone.

{table}""",
    foreign_columns=("score", "dental test photographs rejected"),
    foreign_kind_column="AUROC (rejected) {kind}",
    leakage="""\
## What a random split would have claimed

The same simple classifier (logistic regression on the starting network's features), the same images, split
by image: macro-F1 {by_image:.3f}; split by group: {by_group:.3f}. The difference is
copies of the test photographs among the training ones. {published}""",
    data="""\
## Data

Training images by label: {shares}. Digest of the data set: `{digest}`.
{origin}""",
    origin_unknown="Nobody stated where the photographs come from, who is on them, or who labelled them.",
    training="## Training\n\n{averaged}{table}",
    averaged="The weights are an average of {runs} runs.\n\n",
    share_of_weights="share of the weights",
    choice_column="choice",
    run_column="run {number}",
    limits="## Limits\n\n{limits}",
    general_limits="""\
The figures come from {images} images in {groups} groups of the same collection that the version learned from.
Photographs of other cameras, collectors or people may be answered much worse; that was not measured.
Labels were taken as the folders give them. A group is one scene, or what the index calls one: where it
does not name people, photographs of one person may lie in two splits.""",
)
