"""Private values: what is found, what is not, in English and in Japanese alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import cache

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.models.presidio_pii import PresidioPii
from grounding.safety.pii import PiiCheck, PiiRules, narrow, shadow
from grounding.values import Finding


@cache
def check() -> PiiCheck:
    return PiiCheck([PiiRules(), PresidioPii()])


def found(text: str) -> list[tuple[str, str]]:
    findings = check().find(text, origin="question", language="ja")
    return [(finding.kind, text[finding.start : finding.end]) for finding in findings]


VALUES = [
    ("EMAIL_ADDRESS", "taro.yamada+x@mail.example.co.jp"),
    ("EMAIL_ADDRESS", "finance@sallowford.example"),
    ("EMAIL_ADDRESS", "müller@exämple.de"),
    ("PHONE_NUMBER", "+353 91 555 0177"),
    ("PHONE_NUMBER", "+81 90-1234-5678"),
    ("PHONE_NUMBER", "+44 (0)20 7946 0958"),
    ("PHONE_NUMBER", "0044 20 7946 0958"),
    ("PHONE_NUMBER", "001-518-555-0154"),
    ("PHONE_NUMBER", "(212) 555-1234"),
    ("PHONE_NUMBER", "212.555.1234"),
    ("PHONE_NUMBER", "463-555-6138x036"),
    ("PHONE_NUMBER", "(579)555-3058 ext. 12"),
    ("PHONE_NUMBER", "03.93.92.16.85"),
    ("PHONE_NUMBER", "079 2718 1155"),
    ("PHONE_NUMBER", "03-1234-5678"),
    ("PHONE_NUMBER", "090-1234-5678"),
    ("PHONE_NUMBER", "09012345678"),
    ("PHONE_NUMBER", "0120-123-456"),
    ("PHONE_NUMBER", "０３－１２３４－５６７８"),
    ("PHONE_NUMBER", "（03）1234-5678"),
    ("CREDIT_CARD", "4111 1111 1111 1111"),
    ("CREDIT_CARD", "5500005555555559"),
    ("CREDIT_CARD", "4131034282458809939"),
    ("IBAN_CODE", "DE89 3704 0044 0532 0130 00"),
    ("IBAN_CODE", "GB82WEST12345698765432"),
    ("IBAN_CODE", "fr14 2004 1010 0505 0001 3m02 606"),
    ("IP_ADDRESS", "192.168.10.1"),
    ("IP_ADDRESS", "2001:db8::8a2e:370:7334"),
    ("MAC_ADDRESS", "00:1A:2b:3C:4D:5E"),
    ("US_SSN", "536-90-4399"),
    ("CRYPTO", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("CRYPTO", "0x742d35Cc6634C0532925a3b844Bc454e4438f44e"),
    ("API_KEY", "AKIAIOSFODNN7EXAMPLE"),
    ("API_KEY", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
    ("API_KEY", "sk-proj-abcDEF1234567890abcDEF"),
    ("API_KEY", "sk-ant-api03-abcDEF1234567890abcDEF-xyz"),
    ("API_KEY", "xoxb-123456789012-abcdef"),
    ("API_KEY", "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"),
    ("API_KEY", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklm"),
    ("URL_CREDENTIALS", "postgres://app:pa55w@db.example.com:5432"),
    ("PRIVATE_KEY", "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"),
]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=[value[:20] for _, value in VALUES])
@pytest.mark.parametrize(
    "sentence", ["it is {}, they say", "それは{}です", "：{}。", "{}"], ids=["en", "ja", "marks", "alone"]
)
def test_values_are_found_whole_and_nothing_with_them(sentence: str, kind: str, value: str) -> None:
    assert found(sentence.format(value)) == [(kind, value)]


NAMED = [
    ("Phone:\n{}", "PHONE_NUMBER", "60-56-85-91"),
    ("please call {} today", "PHONE_NUMBER", "5551234567"),
    ("They're not answering at {}", "PHONE_NUMBER", "374 780 163"),
    ("send no messages to {}", "PHONE_NUMBER", "99 668472"),
    ("call John at {}", "PHONE_NUMBER", "555 0100"),
    ("Jane Roe\n{} office", "PHONE_NUMBER", "416 60 039"),
    ("{} is my phone number", "PHONE_NUMBER", "12345678"),
    ("電話番号：{}", "PHONE_NUMBER", "0312345678"),
    ("携帯は{}です", "PHONE_NUMBER", "090 1234 5678"),
    ("my SSN is {}", "US_SSN", "123456789"),
    ("social security number: {}", "US_SSN", "123 45 6789"),
    ("my driver's license number is {}", "DRIVER_LICENSE", "2270-66-1551"),
    ("免許証番号は{}です", "DRIVER_LICENSE", "123456789012"),
    ("passport no. {}", "PASSPORT", "X1234567"),
    ("旅券番号 {}", "PASSPORT", "MU7654321"),
    ("my zip code is {}", "POSTAL_CODE", "94105"),
    ("postcode {}", "POSTAL_CODE", "SW1A 1AA"),
    ("郵便番号は{}です", "POSTAL_CODE", "150-0001"),
    ("〒{}", "POSTAL_CODE", "123-4567"),
    ("account number {}", "BANK_ACCOUNT", "12345678"),
    ("sort code {}", "BANK_ACCOUNT", "12-34-56"),
    ("みずほ銀行 渋谷支店 普通 {} ヤマダタロウ", "BANK_ACCOUNT", "1234567"),
    ("口座番号は{}です", "BANK_ACCOUNT", "１２３４５６７"),
    ("マイナンバーは{}です", "MY_NUMBER", "1234 5678 9018"),
    ("個人番号：{}", "MY_NUMBER", "123456789018"),
    ("password: {}", "PASSWORD", "xyz"),
    ("the wifi password is {}, ask Bob", "PASSWORD", "fluffy123"),
    ("PWD={}", "PASSWORD", "abc123!"),
    ("パスワードは {} です", "PASSWORD", "Abc12345"),
    ("暗証番号は{}です", "PASSWORD", "4321"),
    ("aws_secret_access_key = {}", "API_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("client secret is {}", "API_KEY", "3fA9kLmQ8xZ2vB7nC5tR1wYp"),
    ("Authorization: Bearer {}", "API_KEY", "abc123def456ghi789"),
]


@pytest.mark.parametrize(("sentence", "kind", "value"), NAMED, ids=[sentence[:24] for sentence, _, _ in NAMED])
def test_a_value_without_a_form_is_found_if_it_is_called_by_its_name(sentence: str, kind: str, value: str) -> None:
    assert found(sentence.format(value)) == [(kind, value)]


@pytest.mark.parametrize("value", [value for _, kind, value in NAMED if kind not in ("PHONE_NUMBER", "API_KEY")])
def test_and_only_then(value: str) -> None:
    bare = [kind for kind, _ in found(f"it is {value}, they say")]
    assert set(bare) <= {"PHONE_NUMBER"}


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
        "call 10 000 000 times, the call took 1234567 ns, phone model 12345678, contact form 2024-2025",
        "12 345 678 rows; 01 02 03 04 05; 12:34:56:78; EUR 1.234.567,89",
        "How do I reset my password? The password is required. password: must be at least 8 characters",
        "password = getpass.getpass(); def login(user: str, password: str); password=os.environ['X']",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b, token 550e8400-e29b-41d4-a716-446655440000",
        "postgres://user:password@host/db, postgres://<user>:<pass>@host, https://example.com:8080/x@y",
        "token: access_token_v2_refresh, secret-management-in-kubernetes-2024-guide",
        "Is the zip code mandatory? The account number field and the passport are required.",
        "パスワードは必須です。パスワードは定期的に変更してください。お問い合わせ番号 1234-5678-9012",
    ],
)
def test_codes_dates_amounts_and_names_are_not_private(text: str) -> None:
    assert found(text) == []


def test_a_my_number_needs_its_check_digit() -> None:
    assert found("マイナンバーは1234 5678 9019です") == []


def test_an_iban_needs_its_check_digits_and_its_countrys_length() -> None:
    assert "IBAN_CODE" not in dict(found("DE88 3704 0044 0532 0130 00"))
    assert ("IBAN_CODE", "DE89 3704 0044 0532 0130 0") not in found("DE89 3704 0044 0532 0130 0")


REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
SENTENCES = ["Please call me at {} tomorrow.", "Phone: {}", "They're not answering at {}", "電話番号は{}です"]


def examples(form: int) -> list[str]:
    """What a fixed and a mobile number of each country is like; those of fewer than 7 digits say too little."""
    kinds = (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    numbers = [phonenumbers.example_number_for_type(region, kind) for region in REGIONS for kind in kinds]
    texts = [phonenumbers.format_number(number, form) for number in numbers if number is not None]
    return [text for text in texts if sum(map(str.isdigit, text)) > 6]


def missed(texts: Sequence[str], sentences: Sequence[str]) -> list[str]:
    return [
        sentence.format(text)
        for text in texts
        for sentence in sentences
        if not any(kind == "PHONE_NUMBER" and text.strip("()") in value for kind, value in found(sentence.format(text)))
    ]


def test_phone_numbers_of_all_countries_are_found_with_their_code() -> None:
    assert missed(examples(phonenumbers.PhoneNumberFormat.INTERNATIONAL), ["it is {} they say", *SENTENCES]) == []
    assert missed(examples(phonenumbers.PhoneNumberFormat.E164), ["it is {} they say"]) == []


def test_phone_numbers_of_all_countries_are_found_without_it_if_they_are_called_so() -> None:
    texts = examples(phonenumbers.PhoneNumberFormat.NATIONAL)
    lost = missed(texts, SENTENCES)
    assert len(lost) <= 0.02 * len(texts) * len(SENTENCES), lost[:20]


def test_a_private_key_that_was_cut_off_is_covered_as_far_as_it_goes() -> None:
    text = "key: -----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n"
    assert found(text) == [("PRIVATE_KEY", text[5:])]


def test_the_version_names_the_finders() -> None:
    assert PiiCheck([PiiRules()]).version != check().version


def test_a_value_within_another_is_not_told_twice() -> None:
    class Nested:
        version = "nested-1"

        def find(self, text: str, *, language: str) -> list[Finding]:
            return [Finding("B", 2, 4, 1.0), Finding("A", 0, 8, 0.4), Finding("A", 6, 9, 0.4), Finding("C", 0, 8, 0.9)]

    findings = PiiCheck([Nested()]).find("0123456789", origin="answer", language="en")
    assert [(finding.kind, finding.start, finding.end) for finding in findings] == [("C", 0, 8), ("A", 6, 9)]


@given(st.text(alphabet="aA1 ー－０９：＠@.。、都🙂𠮷\u3000é", max_size=40) | st.text(max_size=40))
def test_narrow_and_shadow_are_as_long_as_the_text(text: str) -> None:
    assert len(narrow(text)) == len(shadow(text)) == len(text)


def test_the_shadow_parts_what_scripts_without_spaces_join() -> None:
    text = "メールは：ｔａｒｏ＠example.jp、𠮷野家🙂 03ー1234ー5678"
    assert "taro@example.jp" in shadow(text)
    assert "03-1234-5678" in shadow(text)
    assert "メールは:taro@example.jp" in narrow(text)


@pytest.mark.parametrize(
    "piece",
    ["password ", "password: ", "password for ", "secret", "token_", "api key ", "http://a:", "a://", "a:b@", "a@",
     "passport ", "ssn ", "口座番号", "普通 ", "call ", "call (", "0123-", "0123-456-789 ", "+1 ", "(0", "DE89",
     "AAAA ", "eyJaaaaaaaaaa.", "sk-a", "1.", "1 ", "1:", "4111 "],
)  # fmt: skip
def test_hostile_text_takes_linear_time(piece: str) -> None:
    """Of 100,000 characters; quadratic time would be minutes."""
    text = (piece * (100_000 // len(piece)))[:100_000]
    check().find("a@b.com", origin="question", language="en")
    began = time.process_time()
    check().find(text, origin="question", language="en")
    assert time.process_time() - began < 4.0


def test_no_socket_is_opened() -> None:
    opened: list[str] = []
    watching = True

    def watch(event: str, _: object) -> None:  # an audit hook cannot be taken away again
        if watching and event.startswith("socket."):
            opened.append(event)

    sys.addaudithook(watch)
    text = "a@b.com, a@example.co.uk, +1 212 555 1234, 4111111111111111, http://example.com"
    PiiCheck([PiiRules(), PresidioPii()]).find(text, origin="question", language="en")
    watching = False
    assert opened == []


@pytest.mark.parametrize(
    "value",
    [
        "ada@exam\u00adple.org",
        "ada\u200b@example.org",
        "a\u2060da@example.org",
        "+1 212\u00a0555\u00a01234",
        "+1\u202f212\u2009555\u20091234",
    ],
)
def test_a_value_is_found_whole_through_signs_that_nobody_sees(value: str) -> None:
    check = PiiCheck([PiiRules(), PresidioPii()])
    text = f"\u200bWrite to {value}, please."
    (found,) = check.find(text, origin="passage", language="en")
    assert text[found.start : found.end] == value
