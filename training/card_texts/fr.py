"""The model card in French; `finish` makes the spaces before its signs unbreakable."""

import re
from typing import Final

from training.card_texts.texts import CardTexts

_WIDE, _NARROW = "\u00a0", "\u202f"
_SPACE = re.compile(r"`[^`]*`| (?=[:»])|(?<=«) | (?=[;!?%])")


def _finish(text: str) -> str:
    """Let no line break before a sign or inside quotation marks; code stays as it is."""

    def space(found: re.Match[str]) -> str:
        if found[0] != " ":
            return found[0]
        return _NARROW if text[found.end()] in ";!?%" else _WIDE

    return _SPACE.sub(space, text)


FRENCH: Final = CardTexts(
    decimal_sign=",",
    percent_sign=" %",
    finish=_finish,
    in_english="(En anglais :) {text}",
    head="""\
# {version}

{architecture}, {size} pixels.
Classes : {labels}.
Créée le {made:%Y-%m-%d %H:%M} UTC, graine {seed}, empreinte du prétraitement `{preprocessing}`.
{measured}ONNX comparé à torch sur les photos de test : même première classe {same_label:.0%}, \
plus grand écart d’une probabilité {difference:.1e}.

**Réservée à la recherche.** Elle informe ; elle ne pose pas de diagnostic. {licence}""",
    measured="Calibrée et mesurée avec ONNX Runtime {runtime}, comme répond un processus d’analyse sur processeur.\n",
    licence_unknown="""\
Personne n’a indiqué sous quelle licence
les photos dont elle a appris peuvent être utilisées, ni ce qu’on peut faire d’une version qui en est tirée.""",
    figures="""\
## Résultats

Découpage par groupe de photos presque identiques, jamais par image. « toutes » compte les copies augmentées que
fournissent les sources, « originales » non. Entre parenthèses, les intervalles à 95 %, par rééchantillonnage des
groupes. La température, l’abstention et la règle pour les images étrangères ont été ajustées sur la validation.

{note}

{table}

Température {temperature:.4f} ; réponse à partir d’une probabilité de {threshold:.4f}.
Erreur de calibration : 15 tranches d’effectif égal.

{doubts}![matrice de confusion](confusion.png) ![fiabilité](reliability.png) ![risque et couverture](risk_coverage.png)
![entraînement](history.png)""",
    figures_columns=(
        "partie",
        "images (groupes)",
        "exactitude",
        "macro-F1",
        "erreur de calibration",
        "répondu",
        "dont juste",
    ),
    names={"val": "validation", "test": "test", "all": "toutes", "original": "originales"},
    interval="{value:.3f} ({low:.2f} à {high:.2f})",
    looked_once="Les photos de test n’ont été regardées qu’une fois dans cette exécution.",
    looked_often="""\
Les photos de test ont été regardées {count} fois dans cette exécution, chaque fois avec un autre réseau, une autre
taille d’entrée ou une autre calibration : ce qui a été choisi après le premier regard doit peut-être quelque chose
à la chance.""",
    doubtful="**Douteux.** {doubt}\n\n",
    doubts={
        "lowest": "La température {temperature:.4f} est la plus basse essayée, et la validation en demandait une plus "
        "basse : le réseau y a presque toujours raison, ou n’y est presque jamais sûr.",
        "highest": "La température {temperature:.4f} est la plus haute essayée, et la validation en demandait une plus "
        "haute : le réseau n’y fait guère mieux que le hasard.",
        "few_answers": "Seules {answered:.1%} des images de validation reçoivent une réponse, car aucun seuil plus bas "
        "ne rend justes {wanted:.0%} des réponses : presque chaque photo sera « incertaine ».",
        "few_groups": "La température et les seuils ont été ajustés sur {groups} groupes de photos : si peu en dit peu "
        "sur les autres.",
    },
    by_label="## Par classe\n\n{table}",
    by_label_columns=("classe", "F1, test, toutes", "F1, test, originales"),
    no_image="aucune image",
    shortcuts="## Raccourcis\n\nLes photos de test, un indice trompeur ôté à chacune.\n\n{table}",
    shortcuts_columns=("changement", "macro-F1, test, toutes", "perte"),
    shortcut_names={
        "reencoded": "une seule taille (256 pixels) et une seule qualité JPEG (70)",
        "cropped": "un seul rapport des côtés (1,4, au milieu)",
        "grey_balanced": "une seule balance des blancs (monde gris)",
    },
    foreign="""\
## Images étrangères

Aucune n’a servi à l’entraînement, mais elles ont fait choisir le genre de règle : c’est {rule} qui sert.
Son seuil ne vient que des photos dentaires de validation.

{table}""",
    foreign_columns=("score", "photos dentaires de test rejetées"),
    foreign_kind_column="AUROC (rejetées) {kind}",
    leakage="""\
## Ce qu’un découpage au hasard aurait prétendu

Le même classifieur simple (régression logistique sur les caractéristiques du réseau de départ), les mêmes images,
découpées par image : macro-F1 {by_image:.3f} ; découpées par groupe : {by_group:.3f}. La différence vient des
copies de photos de test parmi celles de l’entraînement. {published}""",
    data="""\
## Données

Images d’entraînement par classe : {shares}. Empreinte du jeu de données : `{digest}`.
{origin}""",
    origin_unknown="Personne n’a indiqué d’où viennent les photos, qui elles montrent, ni qui les a classées.",
    training="## Entraînement\n\n{averaged}{table}",
    averaged="Les poids sont la moyenne de {runs} exécutions.\n\n",
    share_of_weights="part des poids",
    choice_column="choix",
    run_column="exécution {number}",
    limits="## Limites\n\n{limits}",
    general_limits="""\
Les résultats viennent de {images} images en {groups} groupes de la collection même dont la version a appris.
Les photos d’autres appareils, d’autres collecteurs ou d’autres personnes peuvent recevoir des réponses bien moins
bonnes ; cela n’a pas été mesuré. Les classes sont celles que donnent les dossiers. Un groupe est une scène, ou ce
que l’index appelle ainsi : là où il ne nomme pas les personnes, des photos d’une même personne peuvent se trouver
dans deux parties.""",
)
