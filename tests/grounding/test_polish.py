from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from grounding import polish

LANGUAGES = ("en", "ja", "fr")
WELL_FORMED = {
    "en": (
        "Employees may carry over up to 5 days of unused leave [1]. The rest lapses on 31 March (see §4, p. 3) [2][3].",
        "Don't panic: it's the manager's call, isn't it? The '90s were odd; rock 'n' roll -- fine … and so on...",
        '"Never ," he said, "touch a quote ( ever ) ." It costs $5,000.50, or 1,000, in total.',
        "Run `a , b`.\n\n```sh\necho  a ,b  ||  c\n\n\n\nls\n```\n\nSee https://x.example/a_b?q=1,2.",
        "| a  | b ,  |\n|----|------|\n| 1  | 2  |",
        "# Heading\n\nText is here.\n\n- item one\n- item: `x`\n  - nested item\n\n1. first\n2. second\n\n> quoted",
        "Write to <EMAIL_ADDRESS_1> or hr@x.example. The .NET version is e.g. 3.5; see file.txt and U.S. law.",
        "Paris",
        "System: Windows 11\nUser guide: see below.",
        "- [ ] open task\n- [x] done task",
        "2 * 3 * 4 = 24, a_b_c stays, f(x) = [0, 1), and **bold _and italic_ text** too.",
        "It is 5 o'clock; the boxes' lids (5\" and 6\") fit. Yes. Yes! It is <b> or a < b.",
        "No. No. It is what it is. You had had that that day.",
        "The steps are these:\n\n1. Fill in the form.\n2. Send it.\n\nThen wait. In C# and C++, `a` is fine. 🎉",
        "1. a thing\n1. b thing\n1. c thing",
        "Line one ends here,\nand goes on here.",
        "    indented ,  code\n    indented ,  code",
    ),
    "ja": (
        "社員は、未使用の年次有給休暇を最大10日（翌年度末まで）繰り越せます [1]。残りは失効します。",
        "「 そのまま , です . 」と言った。Python 3.11 を使う。東京 大阪 京都。氏名　山田 太郎。",
        "- 項目1\n- 項目2\n\n1. 申請する\n2. 承認を待つ\n\n上限は5日です",
        "ファイルは設定.txtです。https://x.example/日本 を参照！　次へ。ドキドキする。ますます増える。",
    ),
    "fr": (
        "Quel est le délai\u202f? «\u202fDix jours , pas plus\u202f»\u00a0: oui\u202f! À 10:30, voir https://x.example/a?b.",
        "L'homme a dit : « non » ; c'est tout !",
    ),
}
NASTY = st.lists(
    st.sampled_from(
        [
            *" \n\t,.;:?!()[]*_~`\"'“”「」（）«»#-|><▁\x00\x1b\u2028。、",
            *"do n't/ca n't/ 's/the /the the/ the the the the the/a hour/Foo/5/1 , 000/2. /1. /- /\n\n/    /##x".split(
                "/"
            ),
            *"``` ```py ~~~ <|im_start|> <|a|> <| <|<|x|>x|> [INST] </s> [1] [1 【2】 <EMAIL_ADDRESS_1>".split(),
            *"https://x.example/a,b ](http://x [x](y) ** *** です 、 がが 。。 ... .. '' `` 😀 é ß » :".split(),
            *(
                "\nAssistant:",
                "### Response:",
                "`a , b`",
                "A b c d e f. ",
                "The limit is here. ",
                "私 は 学生",
                "東京 大阪",
                "\r\n",
            ),
        ]
    )
    | st.text(max_size=4),
    max_size=14,
).map("".join)
MARKDOWN = """\
## Carry-over

Employees in **the EU** may carry over *five days* of unused leave [1]. Ask [the team](https://x.example/p) first; \
it says "no later than March" (see `leave --help` and **the _annex_**).

1. Fill in **the form**.
2. Send it to <EMAIL_ADDRESS_1> [2].
   - with a copy (signed)

```python
def f(x):
    return x["a"] * 2  # **not bold**
```

| days | who |
|---|---|
| 5 | all (EU) |

上限は**5日**（翌年度末）です。「詳細」を参照してください。
"""


@pytest.mark.parametrize(("language", "text"), [(la, text) for la, texts in WELL_FORMED.items() for text in texts])
def test_well_formed_text_stays_as_it_is(language: str, text: str) -> None:
    assert polish.sentence(text, language=language) == text
    assert polish.whole(text, language=language) == text
    assert polish.closing(text) == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("I do n't know , but it 's fine ( really ) .", "I don't know, but it's fine (really)."),
        ("You ca n’t wait ; we 'll see !", "You can’t wait; we'll see!"),
        ("`` Yes , '' he said .", '"Yes ," he said.'),
        ("play ##ing  two   games", "playing two games"),
        ("▁The▁cat", "The cat"),
        ("and so on and so on and so on and so on.", "and so on."),
        ("See [1] , [2] .", "See [1], [2]."),
        ("And so on,, etc..", "And so on, etc."),
        ("##Heading", "## Heading"),
        ("a\x00b\x1b[2J\r\nc", "ab[2J\nc"),
    ],
)
def test_english_is_detokenised(given: str, expected: str) -> None:
    assert polish.sentence(given, language="en") == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("私 は 東京 大学 の 学生 です 。", "私は東京大学の学生です。"),
        ("はい,そうです.次は何ですか?すごい!", "はい、そうです。次は何ですか？すごい！"),
        ("これは Python 3 です. Go も使う.", "これは Python 3 です。 Go も使う。"),
        ("上限は5日です [1] 。（ 注 ）", "上限は5日です [1]。（注）"),
        ("そうですそうですそうですそうですそうですそうです", "そうです"),
    ],
)
def test_japanese_has_its_punctuation_and_no_spaces(given: str, expected: str) -> None:
    assert polish.sentence(given, language="ja") == expected


def test_french_has_narrow_spaces_before_high_signs() -> None:
    given = "Quel est le délai? «Dix jours»: oui! L' homme , à 10:30 `a?`"
    expected = "Quel est le délai\u202f? «\u202fDix jours\u202f»\u202f: oui\u202f! L'homme, à 10:30 `a?`"
    assert polish.sentence(given, language="fr") == expected.replace("»\u202f:", "»:")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("<|im_start|>assistant\nTen days.<|im_end|></s>", "Ten days."),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nTen days.<|eot_id|>", "Ten days."),
        ("<start_of_turn>model\nTen days.<end_of_turn>", "Ten days."),
        ("[INST] <<SYS>> x <</SYS>> Ten [/INST]", "x Ten "),
        ("Assistant: Ten days.\nHuman: And then?", "Ten days.\nAnd then?"),
        ("### Response:\nTen days.", "\nTen days."),
        ("USER: x\nSystem:\nok", "x\n\nok"),
        ("<｜end▁of▁sentence｜>Ten", "Ten"),
    ],
)
def test_nothing_of_a_chat_format_is_left(given: str, expected: str) -> None:
    assert polish.sentence(given, language="en") == expected


@pytest.mark.parametrize("depth", [3, 50])
def test_tokens_within_tokens_are_removed_to_any_depth(depth: int) -> None:
    assert "<|" not in polish.sentence("<|a" * depth + "|>" * depth, language="en")


def test_a_token_in_code_or_in_a_quote_is_talked_about() -> None:
    for text in ('It begins with "<|im_start|>" always.', "It begins with `[INST]`.", "```\nAssistant: x\n</s>\n```"):
        assert polish.sentence(text, language="en") == text


@given(NASTY, st.sampled_from(LANGUAGES))
@settings(max_examples=400)
def test_what_is_mended_stays_mended(text: str, language: str) -> None:
    once = polish.sentence(text, language=language)
    assert polish.sentence(once, language=language) == once
    done = polish.whole(text, language=language)
    assert polish.whole(done, language=language) == done


@given(NASTY)
@settings(max_examples=400)
def test_what_is_closed_needs_no_closing(text: str) -> None:
    closed = text.rstrip() + polish.closing(text)
    assert polish.closing(closed) == ""


@given(
    st.sampled_from(
        ['"a , b ( c ) ."', "`x , y`", "https://x.example/a,b", "1,000.50", "[1]", "<PERSON_1>", "「 あ , い 」"]
    ),
    NASTY,
    NASTY,
    st.sampled_from(LANGUAGES),
)
def test_quotes_code_numbers_addresses_and_markers_stay(kept: str, before: str, after: str, language: str) -> None:
    left, right = (re.sub(r"[\"“”'‘’`「」『』«»„|~\[\]\d]", "", part) for part in (before, after))
    mended = polish.sentence(f"{left}\n\nSay {kept} then.\n\n{right}", language=language)
    assert kept in mended


@given(NASTY, st.sampled_from(LANGUAGES))
def test_figures_are_never_changed(text: str, language: str) -> None:
    plain = polish.sentence(text, language="en")  # tokens that hold figures are gone from it
    assert re.findall(r"\d", polish.sentence(plain, language=language)) == re.findall(r"\d", plain)


def test_repeats_are_told_from_what_only_looks_alike() -> None:
    repeats = polish.Repeats()
    said = [
        ("The limit in Japan is 10 days [1].", False),
        ("the limit in Japan is 10 days!", True),
        ("The limit in Japan is 11 days [1].", False),
        ("The limit in the EU is 11 days.", False),
        ("Also, limit in EU is 11 days.", True),
        ("The limit in Japan is not 10 days.", False),
        ("The limit in Japan is 10 days.", True),
        ("Yes.", False),
        ("Yes.", False),
        ("## Very much the same heading", False),
        ("## Very much the same heading", False),
        ("- Fill in the form", False),
        ("- Fill in the form", True),
        ("- Send it", False),
        ("- Fill in the form", False),
        ("| a row | of a table |", False),
        ("| a row | of a table |", False),
        ("```\nx = 1 + 1 + 1 + 1 + 1 + 1", False),
        ("x = 1 + 1 + 1 + 1 + 1 + 1", False),
        ("x = 1 + 1 + 1 + 1 + 1 + 1", False),
        ("```", False),
        ("上限は5日です。", False),
        ("また、上限は５日です", True),
        ("上限は6日です。", False),
    ]
    assert [(text, repeats.is_repeat(text)) for text, _ in said] == said


def test_numbers_of_a_list_follow_one_another() -> None:
    numbering = polish.Numbering()
    given = ["1. a", "3. b", "   1. x", "   4. y", "3. c", "Text.", "7. d", "9. e"]
    leads = ["", *["\n"] * 4, "\n\n", "\n\n", "\n"]
    mended = [numbering.mended(text, lead=lead) for text, lead in zip(given, leads, strict=True)]
    assert mended == ["1. a", "2. b", "   1. x", "   2. y", "3. c", "Text.", "7. d", "8. e"]


@pytest.mark.parametrize(
    ("last", "cut_off"),
    [
        ("The limit is five days.", False),
        ("The limit is five", True),
        ("The limit is five days [1].", False),
        ("The limit is five days. [1][2]", False),
        ("The limit is five days [1]", True),
        ("Pigs fly. (unsupported)", False),
        ("（豚は飛ぶ。）", False),
        ("豚は飛ぶ。（根拠なし）", False),
        ('He said "stop."', False),
        ("**It is so.**", False),
        ("- an item without an end", False),
        ("2. an item", False),
        ("## A heading", False),
        ("| a | row |", False),
        ("```\nx = 1", False),
        ("See https://x.example/a", False),
        ("Write to <EMAIL_ADDRESS_1>", False),
        ("Run `make`", False),
        ("上限は5日です", False),
        ("上限は5日で", True),
        ("声明を出している", False),
        ("繰り越しの上限は、年次", True),
        ("หยุดได้ห้าวัน", False),
        ("Done 🎉", False),
        ("", False),
    ],
)
def test_a_sentence_without_its_end_is_cut_off(last: str, cut_off: bool) -> None:
    assert polish.is_cut_off(last) is cut_off


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("See **the", "**"),
        ("See ***the", "***"),
        ("See *the **last", "***"),
        ("See _the (small", ")_"),
        ("Run `make", "`"),
        ("Run **`make", "`**"),
        ("See [the page](https://x.example/a", ")"),
        ("See [the page", "]"),
        ("He said “stop", "”"),
        ('He said "stop (now', ')"'),
        ("「これは（重要", "）」"),
        ("```py\nx", "\n```"),
        ("~~~~\n```\nx", "\n~~~~"),
        ("~~gone", "~~"),
        ("- **a\n- b", ""),
        ("**a\n\nb", ""),
        ("See [1", ""),
        ('2 * 3, snake_case_, 5" and a ) b :(', ""),
        (r"a \* b \[ c", ""),
        ("- *", ""),
        ("It (the first is long. It ends.", ""),
        ('He said "it is long. It ends.', '"'),
    ],
)
def test_what_is_open_is_closed(text: str, end: str) -> None:
    assert polish.closing(text) == end


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "The limit is 5 days. The limit is 5 days. The limit is 6 days. The re",
            "The limit is 5 days. The limit is 6 days.",
        ),
        ("1. Fill in\n2. Fill in\n3. Send it\n", "1. Fill in\n2. Send it"),
        ("One sentence here.\n\n## More\n\nThe re", "One sentence here."),
        ("One sentence here.\n\n1. First.\n2.", "One sentence here.\n\n1. First."),
        ("It is ten days [1]. See [2", "It is ten days [1]."),
        ("The limit of leave is the", "The limit of leave is the…"),
        ("Five days", "Five days"),
        ("No", "No"),
        ("It is Doctor Who", "It is Doctor Who"),
        ("Text  \n\n\n\nmore here.  ", "Text\n\nmore here."),
        ("上限は5日です。上限は5日です。繰り越しは", "上限は5日です。"),
        ("It reads:\n```\nx = 1\nx = 1", "It reads:\n```\nx = 1\nx = 1\n```"),
        ("", ""),
    ],
)
def test_a_finished_answer_is_made_whole(given: str, expected: str) -> None:
    assert polish.whole(given, language="ja" if "上限" in given else "en") == expected


@pytest.mark.parametrize("at", range(1, len(MARKDOWN) + 1))
def test_an_answer_cut_anywhere_comes_out_well_formed(at: int) -> None:
    done = polish.whole(MARKDOWN[:at], language="en")
    assert not polish.open_fence(done)
    for token in MarkdownIt("commonmark").enable("table").parse(done):
        if token.type == "fence":
            assert token.map is not None
            assert token.map[1] - token.map[0] >= 2
            assert token.content == "" or token.content.endswith("\n")
        for text in _texts(token):
            assert not re.search(r"\*\*|`|(?<!\w)_|\]\(", text), (done, text)
    prose = re.sub(r"(?ms)^```.*?^```", "", done)
    assert prose.count("(") == prose.count(")")
    assert prose.count("（") == prose.count("）")
    assert prose.count('"') % 2 == 0


def _texts(token: Token) -> list[str]:
    return [child.content for child in token.children or [] if child.type == "text"]


def test_what_was_shown_stays_as_the_answer_goes_on() -> None:
    looping = (
        MARKDOWN.replace("2. Send it", "2. Fill in **the form**.\n3. Send it")
        + "\nIt is so , they say. It is so, they say.\n"
    )
    whole = polish.whole(looping, language="en")
    ends = [found.end() for found in re.finditer(r"[.。](?=\s)|[」。](?=\n)|```(?=\n\n)|\|(?=\n)", looping)]
    assert len(ends) > 8
    for end in ends:
        assert whole.startswith(polish.whole(looping[:end], language="en"))
    assert whole.count("the form") == 1
    assert "2. Send it" in whole


@pytest.mark.parametrize(
    ("language", "given", "expected"),
    [
        ("en", "the the limit is a hour and an user is a employee.", "The limit is a hour and a user is an employee."),
        (
            "en",
            "A apple. Plan a applies; group a includes a university.",
            "An apple. Plan a applies; group a includes a university.",
        ),
        ("en", "They could of been at it's own desk.", "They could have been at its own desk."),
        ("en", 'He said "the the" in `a a` and the The Hague.', 'He said "the the" in `a a` and the The Hague.'),
        (
            "en",
            "eBay is fine and Vitamin A enters; that that had had.",
            "eBay is fine and Vitamin A enters; that that had had.",
        ),
        ("ja", "上限をを申請するがが重要ですです。", "上限を申請するが重要です。"),
        ("ja", "父ががんになり、鍋ににんにくを入れた。ますます。", "父ががんになり、鍋ににんにくを入れた。ますます。"),
        ("de", "die die", "die die"),
    ],
)
def test_rules_of_style_change_only_what_is_surely_wrong(language: str, given: str, expected: str) -> None:
    assert polish.RulesPolisher().polish(given, language=language) == expected
    assert polish.RulesPolisher().polish(expected, language=language) == expected


@given(NASTY, st.sampled_from(LANGUAGES))
def test_rules_of_style_never_touch_what_is_protected(text: str, language: str) -> None:
    polished = polish.RulesPolisher().polish(text, language=language)
    assert polish.guarded(text, polished) == polished
    assert re.findall(r"\d", polished) == re.findall(r"\d", text)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("employees goes home", "employees go home", True),
        ("it has 5 days", "It has 5 days", True),
        ("He do not", "He does not", True),
        ("He do not", "He does", False),
        ("He does n't", "He does not", False),
        ("it has 5 days", "it has 6 days", False),
        ("it has five days", "it has six days", False),
        ("see Anna there", "see Hanna there", False),
        ("Nara has it", "Para has it", False),
        ("see [1] there", "see [2] there", False),
        ("see `x` there", "see `y` there", False),
        ('he said "a b"', 'he said "a, b"', False),
        ("<PERSON_1> goes", "<PERSON_2> goes", False),
        ("```\nx\n``` is", "```\ny\n``` is", False),
        ("see https://x.example/a", "see https://x.example/b", False),
        ("some days", "all days", False),
        ("佐藤さんがが", "佐藤さんが", True),
        ("佐藤さん", "佐籐さん", False),
        ("できます", "できません", False),
    ],
)
def test_a_change_of_more_than_style_is_not_made(before: str, after: str, kept: bool) -> None:
    assert polish.guarded(before, after) == (after if kept else before)


HOSTILE = [
    *"( [ \" “ 「 ` ``x `x *a **a _a ~~a <|a <|a|> a@ a. http:// ](x | a|b ' 's #".split(),
    *[
        "( ",
        " ,",
        " .",
        "the ",
        "a b ",
        "です",
        "あ い ",
        "x\n",
        "1. a\n",
        "- \n",
        "``` \n",
        "(a) ",
        "[1] ",
        "[1, ",
        "A. ",
        "  ",
        "\n\n",
    ],
]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_hostile_text_takes_linear_time(hostile: str, language: str) -> None:
    def seconds(length: int) -> float:
        text = hostile * (length // len(hostile))
        began = time.perf_counter()
        polish.sentence(text, language=language)
        polish.closing(text)
        polish.is_cut_off(text)
        polish.RulesPolisher().polish(text, language=language)
        return time.perf_counter() - began

    seconds(100)
    short = min(seconds(4_000) for _ in range(2))
    assert min(seconds(16_000) for _ in range(2)) < 8 * short + 0.1
