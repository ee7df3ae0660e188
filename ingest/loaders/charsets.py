"""Text in the charsets that were common before UTF-8, told apart with care: a wrong guess would be stored as nonsense.

Every charset of one byte a letter "explains" any bytes, so decoding without an error proves nothing. What is decoded
must also look like writing.
"""

from __future__ import annotations

import re

from charset_normalizer import from_bytes

_SAMPLE = 1 << 18
_MIN_LETTERS = 12
"""So many letters outside ASCII are needed before statistics of a language mean anything."""
_MIN_COHERENCE = 0.25
_MIN_KANA = 0.12
_OTHERS = ("gb18030", "big5", "cp949", "cp1251", "koi8_r", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "cp874")
_EAST_ASIAN = ("gb18030", "big5", "cp949")

_HIGH = re.compile("[^\x00-\x7f]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fc]")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
_COMMON_EAST_ASIAN = re.compile("[\u3000-\u3020\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e“”‘’…—·]")

_WESTERN_WORD = re.compile("[A-Za-zÀ-ÖØ-öø-ÿŒœŠšŽžŸ]+")
_WESTERN_LETTER = re.compile("[À-ÖØ-öø-ÿŒœŠšŽžŸ]")
_WESTERN_SINGLE = frozenset("àéèêáóòúìíåöäæøÀÉÈÁÓÍÅÖÄÆØ")
_WESTERN_SIGN = re.compile("[“”‘’‚„–—…•€£¥§©®°±²³µ·¹º»¼½¾¿«¡ª×÷™†‡‰‹›\xa0\xad]")
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_SIGN_INSIDE_WORD = re.compile("(?<=[A-Za-zÀ-ÿ])[“„£¥§©®±²³µ¹»¼½¾¿«¡×÷•€†‡‰](?=[A-Za-zÀ-ÿ])")


def legacy_text(data: bytes) -> str | None:
    """The text of bytes that are not UTF-8, or None where no charset explains them."""
    if _is_damaged_utf8(data):
        return None
    return _japanese(data) or _western(data) or _other(data)


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8 with mistakes in it: real sequences of two and more bytes hardly occur by chance."""
    text = data[:_SAMPLE].decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    return len(_HIGH.findall(text)) - damaged > damaged


def _japanese(data: bytes) -> str | None:
    best, share = None, _MIN_KANA
    for charset in ("cp932", "euc_jis_2004"):
        try:
            text = data.decode(charset)
        except UnicodeDecodeError:
            continue
        sample = text[:_SAMPLE]
        high = len(_HIGH.findall(sample)) or 1
        kana = len(_KANA.findall(sample)) / high
        if kana > share and len(_HALF_WIDTH.findall(sample)) / high < 0.1:
            best, share = text, kana
    return best


def _western(data: bytes) -> str | None:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    if _UTF8_SEQUENCE.search(data):
        return None
    sample = text[:_SAMPLE]
    high = len(_HIGH.findall(sample))
    known = len(_WESTERN_LETTER.findall(sample)) + len(_WESTERN_SIGN.findall(sample))
    words = sum(map(len, _WESTERN_WORD.findall(sample)))
    if known < high or words < high or _SIGN_INSIDE_WORD.search(sample):
        return None
    strange = sum(not _is_western(word) for word in _WESTERN_WORD.findall(sample) if not word.isascii())
    return text if strange * 50 <= high else None


def _is_western(word: str) -> bool:
    """Whether a word with accents could stand in a Western European text."""
    accented = len(_WESTERN_LETTER.findall(word))
    if len(word) == 1:
        return word in _WESTERN_SINGLE
    return accented * 2 <= len(word) + 1 and (word.isupper() or word[1:].islower())


def _other(data: bytes) -> str | None:
    match = from_bytes(
        data[:_SAMPLE], cp_isolation=list(_OTHERS), preemptive_behaviour=False, enable_fallback=False
    ).best()
    if match is None:
        return None
    sample = str(match)
    high = _HIGH.findall(sample)
    if len(high) < _MIN_LETTERS:
        return None
    if match.encoding in _EAST_ASIAN:
        believable = len(_COMMON_EAST_ASIAN.findall(sample)) >= 0.98 * len(high)
    else:
        letters = [char for char in high if char.isalpha()]
        believable = match.coherence >= _MIN_COHERENCE and sum(map(str.isupper, letters)) <= 0.5 * len(letters)
    if not believable:
        return None
    try:
        return data.decode(match.encoding)
    except UnicodeDecodeError:
        return None
