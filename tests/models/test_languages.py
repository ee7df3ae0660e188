"""Which language a text is in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.models.languages import UNKNOWN, LanguageDetector

EXPECTED = {
    "en": [
        "How do I reset my password?",
        "vpn error 809",
        "HX-200 manual",
        "reset password",
        "leave policy",
        "The word 会社 means company in Japanese, and おはよう is a greeting in the morning.",
        "WHAT IS THE EXPENSE LIMIT?",
    ],
    "ja": [
        "パスワードをリセットするには？",
        "有給休暇日数",
        "出張旅費規程",
        "VPNエラー809",
        "GitHub Actions self-hosted runnerの設定",
        "HX-200の校正",
        "ﾊﾟｽﾜｰﾄﾞ",
        "会社設立日",
    ],
    "zh": ["如何重置我的密码？", "请描述一个包含格调的房间设计。", "員工手冊在哪裡", "你好"],
    "ko": ["비밀번호를 어떻게 재설정하나요?", "VPN 오류 809"],
    "de": ["Wie setze ich mein Passwort zurück?", "Wie viele Urlaubstage habe ich?"],
    "fr": ["Combien de jours de congé ai-je ?", "Quelle est l'adresse du bureau"],
    "es": ["¿Cuántos días de vacaciones tengo?"],
    "ru": ["Как сбросить пароль?"],
    UNKNOWN: ["", "809", "?!", "🙂", " \n\t", "\ud800"],
}


@pytest.fixture(scope="module")
def detect() -> LanguageDetector:
    return LanguageDetector()


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in EXPECTED.items() for text in texts]
)
def test_short_questions(detect: LanguageDetector, language: str, text: str) -> None:
    assert detect(text) == language
    assert detect.detect(text) == language


def test_a_document_is_judged_by_its_beginning(detect: LanguageDetector) -> None:
    assert detect("有給休暇は翌年度に5日まで繰り越すことができます。\n" * 5000) == "ja"
    assert detect("Employees may carry over at most five days.\n" * 5000) == "en"


def test_threads_agree() -> None:
    detector = LanguageDetector()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(detector, ["Who is the head of security?"] * 20)) == {"en"}


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_has_a_two_letter_code_or_none(text: str) -> None:
    language = DETECTOR.detect(text)
    assert language == UNKNOWN or (len(language) == 2 and language.isalpha() and language.islower())
    assert DETECTOR.detect(text) == language


DETECTOR = LanguageDetector()
