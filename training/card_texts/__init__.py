"""The sentences of the model card, in every language of the pages."""

from typing import Final

from training.card_texts.en import ENGLISH
from training.card_texts.fr import FRENCH
from training.card_texts.texts import CardTexts

CARD_TEXTS: Final[dict[str, CardTexts]] = {"en": ENGLISH, "fr": FRENCH}

__all__ = ["CARD_TEXTS", "ENGLISH", "CardTexts"]
