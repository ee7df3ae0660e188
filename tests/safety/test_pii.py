"""Private values: what is found, what is not, in English and in Japanese alike."""

from __future__ import annotations

import sys
from functools import cache

import pytest

from grounding.models.presidio_pii import PresidioPii
from grounding.safety.pii import Finding, PiiCheck, PiiRules, shadow


@cache
def check() -> PiiCheck:
    return PiiCheck([PiiRules(), PresidioPii()])


def found(text: str) -> list[tuple[str, str]]:
    verdicts = check().check(text, part="question", origin="question", language="ja")
    return [(verdict.reason, text[verdict.start : verdict.end]) for verdict in verdicts]


VALUES = [
    ("EMAIL_ADDRESS", "taro.yamada+x@mail.example.co.jp"),
    ("EMAIL_ADDRESS", "finance@sallowford.example"),
    ("EMAIL_ADDRESS", "müller@exämple.de"),
    ("PHONE_NUMBER", "+353 91 555 0177"),
    ("PHONE_NUMBER", "+81 90-1234-5678"),
    ("PHONE_NUMBER", "(212) 555-1234"),
    ("PHONE_NUMBER", "03-1234-5678"),
    ("PHONE_NUMBER", "090-1234-5678"),
    ("PHONE_NUMBER", "09012345678"),
    ("PHONE_NUMBER", "0120-123-456"),
    ("PHONE_NUMBER", "０３－１２３４－５６７８"),
    ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("CREDIT_CARD", "5500005555555559"),
    ("CREDIT_CARD", "4131034282458809939"),
    ("IBAN_CODE", "DE89 3704 0044 0532 0130 00"),
    ("IBAN_CODE", "GB82WEST12345698765432"),
    ("IP_ADDRESS", "192.168.10.1"),
    ("IP_ADDRESS", "2001:db8::8a2e:370:7334"),
    ("US_SSN", "536-90-4399"),
    ("CRYPTO", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("POSTAL_CODE", "〒123-4567"),
    ("API_KEY", "AKIAIOSFODNN7EXAMPLE"),
    ("API_KEY", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
    ("API_KEY", "sk-proj-abcDEF1234567890abcDEF"),
    ("API_KEY", "xoxb-123456789012-abcdef"),
    ("API_KEY", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklm"),
    ("PRIVATE_KEY", "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"),
]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=[value[:20] for _, value in VALUES])
@pytest.mark.parametrize(
    "sentence", ["it is {}, they say", "それは{}です", "：{}。", "{}"], ids=["en", "ja", "marks", "alone"]
)
def test_values_are_found_whole_and_nothing_with_them(sentence: str, kind: str, value: str) -> None:
    assert found(sentence.format(value)) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "ERR-4012 in v2.3.1 of HX-200, SEV-4, section 8.2.4.1, version 10.0.1.22",
        "1,200,000 and EUR 250,000 and 3.14159265358979 and 1234567890",
        "12 March 1974, 2024-01-31 16:20:05, 31.01.2024, 01/02/2024, 1974-2010, 2023年4月1日",
        "第12条 1,200円 3億5,000万円 令和5年度 10時30分 (電話)",
        "Ada Lovelace lives in London, 14 Weir Lane",
        "ISBN 978-3-16-148410-0, doi 10.1000/182, order no. 4500012345",
        "std::vector<ab::cd> x; a@b; @mention; git@host",
        "crude AUROC, 0.753 [99% CI, 0.750-0.757]; 1・2・3・4・5・6・7・8・9",
        "sk-learn and risk-management-of-software-projects-in-practice",
        "1234 5678 9018 is a number like 1234-5678-9018",
        "Pump HX-200-4512-1234, part 12-3456-7890-X",
    ],
)
def test_codes_dates_amounts_and_names_are_not_private(text: str) -> None:
    assert found(text) == []


def test_a_my_number_needs_its_check_digit_and_its_name() -> None:
    assert found("マイナンバーは1234 5678 9018です") == [("MY_NUMBER", "1234 5678 9018")]
    assert found("個人番号：123456789018") == [("MY_NUMBER", "123456789018")]
    assert found("マイナンバーは1234 5678 9019です") == []


def test_a_number_that_is_called_a_phone_number_is_one() -> None:
    assert found("Phone:\n60-56-85-91") == [("PHONE_NUMBER", "60-56-85-91")]
    assert found("please call 5551234567 today") == [("PHONE_NUMBER", "5551234567")]
    assert found("電話番号：0312345678") == [("PHONE_NUMBER", "0312345678")]


def test_a_private_key_that_was_cut_off_is_covered_as_far_as_it_goes() -> None:
    text = "key: -----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n"
    assert found(text) == [("PRIVATE_KEY", text[5:])]


def test_the_action_is_chosen_and_part_of_the_version() -> None:
    blocking = PiiCheck([PiiRules()], action="block")
    (verdict,) = blocking.check("AKIAIOSFODNN7EXAMPLE", part="passage:7", origin="passage", language="en")
    assert (verdict.action, verdict.part, verdict.check) == ("block", "passage:7", "pii")
    assert blocking.version != PiiCheck([PiiRules()]).version != check().version


def test_a_value_within_another_is_not_told_twice() -> None:
    class Nested:
        version = "nested-1"

        def find(self, text: str) -> list[Finding]:
            return [Finding("B", 2, 4, 1.0), Finding("A", 0, 8, 0.4), Finding("A", 6, 9, 0.4), Finding("C", 0, 8, 0.9)]

    verdicts = PiiCheck([Nested()]).check("0123456789", part="answer", origin="answer", language="en")
    assert [(verdict.reason, verdict.start, verdict.end) for verdict in verdicts] == [("C", 0, 8), ("A", 6, 9)]


def test_the_shadow_is_as_long_as_the_text() -> None:
    text = "メールは：ｔａｒｏ＠example.jp、𠮷野家🙂 03ー1234ー5678"
    assert len(shadow(text)) == len(text)
    assert "taro@example.jp" in shadow(text)
    assert "03-1234-5678" in shadow(text)


def test_no_socket_is_opened() -> None:
    opened: list[str] = []
    watching = True

    def watch(event: str, _: object) -> None:  # an audit hook cannot be taken away again
        if watching and event.startswith("socket."):
            opened.append(event)

    sys.addaudithook(watch)
    PresidioPii().find("a@b.com, a@example.co.uk, +1 212 555 1234, 4111111111111111, http://example.com")
    watching = False
    assert opened == []
