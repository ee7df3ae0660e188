"""Offensive content: hostility at someone, and what only looks like it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.safety.toxicity import ToxicityCheck
from grounding.values import Finding

CHECK = ToxicityCheck()

OFFENSIVE = [
    ("hate", "Those foreigners are all vermin."),
    ("hate", "I despise every single one of those refugees"),
    ("hate", "Women like you are worthless."),
    ("hate", "Christians are nothing but parasites. Nobody needs them."),
    ("hate", "Have you met the immigrants next door? They are scum."),
    ("hate", "Migrants were given a house. I tell you, they are thieves."),
    ("hate", "Why are Indians so smelly and dirty?"),
    ("hate", "Black people are not as intelligent as others."),
    ("hate", "Muslims have no place in our country."),
    ("hate", "I have nothing against Jews but most of them are disgusting."),
    ("violence", "We should shoot all gypsies."),
    ("violence", "Kill all lesbians"),
    ("violence", "Death penalty is the solution for those homosexuals."),
    ("violence", "I would love to see every feminist raped"),
    ("hate", "It is in women's nature to be liars."),
    ("abuse", "just kill yourself"),
    ("threat", "I will kill you and your dog"),
    ("threat", "The only good Muslim is a dead Muslim"),
    ("abuse", "You are such a stupid asshole"),
    ("abuse", "fuck you"),
    ("abuse", "Go back to Africa!"),
    ("abuse", "you should fuck off now"),
    ("slur", "what a bunch of faggots"),
    ("slur", "Typical bitch behaviour."),
    ("slur", "Nigger go home"),
]
MASKED = [
    ("hate", "I h4te all Jews"),
    ("hate", "I h8 all Jews"),
    ("hate", "Homosexuals are s c u m"),
    ("hate", "Asians are ver\u200bmin"),
    ("hate", "Ｍｕｓｌｉｍｓ ａｒｅ ｓｃｕｍ"),
    ("hate", "Migrants are disgsuting"),
    ("hate", "Migrants are disgustng vermn"),
    ("hate", "Refugees are disguuuusting"),
    ("hate", "These refugeesdisgust me"),
    ("hate", "Wоmen are sсum"),  # two letters are Cyrillic
    ("hate", "Refugees are 🐀"),
    ("abuse", "fcuk you"),
    ("slur", "Too manyretards in this country"),
    ("violence", "k.i.l.l all j.e.w.s"),
]
JAPANESE = [
    ("hate", "外国人は出ていけ"),
    ("hate", "障害者はゴミだ"),
    ("hate", "ホームレスは社会のゴミ"),
    ("hate", "中国人って気持ち悪い"),
    ("hate", "黒人が大嫌いだ"),
    ("hate", "移民なんていらない"),
    ("hate", "女性は男性より劣っている"),
    ("violence", "ユダヤ人をガス室に送れ"),
    ("violence", "移民を皆殺しにしろ"),
    ("slur", "キチガイが暴れてる"),
    ("abuse", "お前みたいなやつは死ね"),
    ("abuse", "あんたってほんとブスだよね"),
    ("abuse", "クソババア黙れ"),
    ("abuse", "死ね"),
    ("abuse", "氏ね"),
    ("abuse", "タヒね"),
    ("abuse", "ﾀﾋね"),
    ("abuse", "4ね"),
    ("abuse", "死　ね"),
    ("abuse", "し・ね"),
    ("abuse", "シネ！"),
    ("threat", "殺してやる"),
    ("threat", "ぶっころすぞ"),
]
OTHERS = [
    ("de", "hate", "Ich hasse Juden."),
    ("de", "hate", "Flüchtlinge sind wie eine Seuche."),
    ("de", "hate", "Ich habe nichts gegen Schwule, aber sie sind widerlich."),
    ("de", "violence", "Man sollte alle Muslime vergasen."),
    ("de", "abuse", "Halt dein Maul, du dumme Sau"),
    ("es", "hate", "Odio a los inmigrantes."),
    ("es", "hate", "¿Por qué son tan asquerosos los judíos?"),
    ("es", "hate", "Los gays son asqeurosos."),
    ("es", "violence", "Hay que exterminar a las personas trans."),
    ("es", "threat", "Te voy a matar"),
    ("fr", "hate", "Les femmes n'ont pas leur place ici."),
    ("fr", "hate", "Ces juifs sont de la v3rm1ne."),
    ("fr", "violence", "Il faudrait tabasser les homosexuels."),
    ("fr", "abuse", "Va te faire foutre"),
    ("pt", "hate", "Os ciganos são tão nojentos."),
    ("pt", "violence", "Alguém deveria matar todos os muçulmanos."),
    ("pt", "abuse", "Vai tomar no cu"),
    ("zh", "hate", "我讨厌黑人"),
    ("zh", "hate", "殘疾人讓我噁心"),
    ("zh", "violence", "应该把同性恋都杀光"),
    ("zh", "abuse", "你这个傻逼"),
]
HARMLESS = [
    "How do I kill a process?",
    "Is master/slave replication supported?",
    "How do I report harassment?",
    "What is the policy on hate speech?",
    'Is it illegal to say "kill all Jews"?',
    'What does the word "faggot" mean?',
    "Someone called me a bitch at work. Whom do I tell?",
    "Were Jews considered vermin in the propaganda of the time?",
    "Why do some people hate immigrants?",
    "Can foreigners be deported for a crime?",
    "Muslims should not be judged by the acts of terrorists",
    "Women are more likely to die of heart disease. Women should not take it while pregnant.",
    "Black people are at higher risk of hypertension. HIV is a disease that affects gay men, too.",
    "Female rats were killed. Chinese cabbage is dirty. The gypsy moth is a pest.",
    "Can mercury kill you? Can you get cancer from it? What happens if you drink bleach?",
    "There are ten zombie processes. How do I kill them all?",
    "Too many women earn less. Should refugees be deported under this rule?",
    "These moons are among the largest. Travel with an API key in apikeys.",
    "We faggots are proud of who we are",
    "I have been told to fuck off many times",
    "Shoot a photo of the damaged sensor and send it to support",
    "Where is the Scunthorpe office?",
    "What the fuck is going on with the printer?",
    "This code sucks. That is such bullshit.",
    "Do not execute the script on foreign hosts",
    "How many women were killed in the war?",
    "violence against women helpline",
    "cancer screening for women",
    "Are disabled people allowed to use the lift in a fire?",
    "Refugees suffer from violent crime",
    "Immigrants are welcome here, and I would hate to lose them",
    "We must never accept that gay people are attacked",
    'He said "women are stupid", which is sexist and unacceptable',
    "Calling immigrants vermin is a reason for dismissal and racist.",
    "I hate Mondays. The old people's home is a disgusting building.",
    "strip the screw, mount the dummy, abort the child process, master and slave clock",
    "therapist and manslaughter, assassin, classic, cocktail, Essex",
    "",
    " \n ",
]
HARMLESS_JAPANESE = [
    "女性の休暇は何日ですか",
    "クソコードを直したい",
    "プロセスを殺す方法",
    "必死にがんばる。彼は死ねない。",
    "ゴミ箱はどこですか。中国人の顧客がゴミの捨て方を聞いた。",
    "外国人の採用について",
    "死亡率の推移と殺虫剤の保管規程",
    "「死ね」と言われた場合の相談先はどこですか",
    "外国人を差別してはいけない",
    "女性が劣っているというのは間違いだ",
    "障害者は無能ではない",
    "障害が発生したサーバを落とす",
    "女性のがん検診と高齢者の死亡原因",
    "今日は楽しいしね。シネマに行く",
    "朝鮮人参の効能と黒人音楽の魅力",
    "カスタマーサポートの電話番号とバカンスの予定",
    "このゴミはいつ出せますか。このカスタム部品とこのアマゾンの箱とドアホンも",
    "女性が嫌いな上司の特徴。名古屋市ねこの保護団体",
]
HARMLESS_ELSEWHERE = [
    ("de", "Ich hasse Juden nicht. Niemand sollte Frauen hassen."),
    ("de", "Wie töte ich einen Prozess? Verdammte Scheiße, schon wieder kaputt."),
    ("de", "Wer Flüchtlinge als Abschaum bezeichnet, ist rassistisch."),
    ("es", "No odio a los inmigrantes. Hoy me siento como una mierda."),
    ("de", "Frauen dürfen in der Schwangerschaft nicht schwer heben. Schwarze Löcher sind gefährlich."),
    ("es", "Las mujeres no deberían tomar ibuprofeno. Mi mujer está fuera de casa."),
    ("fr", "Mon pneu est crevé. Le mercure peut-il te tuer ?"),
    ("pt", "Como se mata um processo? Vou te pegar no aeroporto."),
    ("fr", "Les femmes ne sont pas inférieures. Le train a du retard."),
    ("pt", "Eu não odeio os gays. Como matar um processo?"),
    ("zh", "没有人应该伤害女人。怎么杀死一个进程？"),
    ("zh", "请您根据需要删除多余的文本，然后按步骤操作"),
    # Words of one language are no words of another.
    ("en", "The debilitating travel of die Frau in the negative space of con artists"),
]


def found(text: str, language: str = "en") -> list[Finding]:
    return CHECK.find(text, origin="question", language=language)


@pytest.mark.parametrize(("kind", "text"), OFFENSIVE + MASKED + JAPANESE)
def test_offensive(kind: str, text: str) -> None:
    language = "ja" if (kind, text) in JAPANESE else "en"
    assert kind in {finding.kind for finding in found(text, language)}


@pytest.mark.parametrize(("language", "kind", "text"), OTHERS)
def test_offensive_in_other_languages(language: str, kind: str, text: str) -> None:
    assert kind in {finding.kind for finding in found(text, language)}


def test_another_language_than_the_detected_one_is_told_by_its_function_words() -> None:
    assert found("Die Juden sind für mich der letzte Abschaum", "en")
    assert found("お前ら全員死ねばいいのに", "zh")
    assert found("我讨厌黑人", "ja")


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("text", HARMLESS_JAPANESE)
def test_harmless_in_japanese(text: str) -> None:
    assert found(text, "ja") == []


@pytest.mark.parametrize(("language", "text"), HARMLESS_ELSEWHERE)
def test_harmless_in_other_languages(language: str, text: str) -> None:
    assert found(text, language) == []


def test_what_is_found_is_the_offending_sentence() -> None:
    text = "  The canteen opens at noon. Those refugees\u200b are v3rmin!  Lunch costs 5.50 euros. Kill all Jews.\n"
    assert [text[each.start : each.end] for each in found(text)] == [
        "Those refugees\u200b are v3rmin!",
        "Kill all Jews.",
    ]
    text = "お昼は何時ですか。外国人は出ていけ！食堂は一階です。"
    (finding,) = found(text, "ja")
    assert text[finding.start : finding.end] == "外国人は出ていけ！"


def test_they_and_you_are_the_group_that_is_spoken_of_beside_them() -> None:
    assert found("Some immigrants moved in. They are just trash.")
    assert found("Women like you should know it. You deserve to suffer.")
    assert not found("Some cups fell down. They are just trash.")


def test_held_out_sentences() -> None:
    """Sentences that no list was tuned to: at least nine in ten come out right, in each language that has 50 or more,
    and eight in ten in the others."""
    right: dict[str, list[bool]] = defaultdict(list)
    for line in Path(__file__).with_name("offensive_held_out.tsv").read_text("utf-8").splitlines():
        language, offensive, text = line.split("\t")
        right[language].append(bool(found(text, language)) == (offensive == "1"))
    assert set(right) == {"ja", "de", "es", "fr", "pt", "zh"}
    for language, results in right.items():
        assert sum(results) / len(results) >= (0.9 if len(results) >= 50 else 0.8), language


@given(text=st.text(max_size=200), language=st.sampled_from(["en", "ja", "de", "zh", "und"]))
def test_spans_are_in_order_within_the_text_and_hold_no_white_space_at_their_edges(text: str, language: str) -> None:
    findings = found(text + " women are scum. " + text, language)
    at = 0
    for finding in findings:
        assert at <= finding.start < finding.end
        quoted = (text + " women are scum. " + text)[finding.start : finding.end]
        assert quoted == quoted.strip() != ""
        assert 0 < finding.score <= 1
        at = finding.end


@given(data=st.data())
def test_no_mask_of_characters_hides_an_offence(data: st.DataObject) -> None:
    """Zero-width characters anywhere, any case, any of the wide forms of a letter."""
    kind, plain = data.draw(st.sampled_from([OFFENSIVE[0], OFFENSIVE[10], OFFENSIVE[13]]))
    masks = [lambda sign: sign, str.upper, lambda sign: sign + "\u200b", lambda sign: "\u2060" + sign, wide]
    chosen = data.draw(st.lists(st.sampled_from(masks), min_size=len(plain), max_size=len(plain)))
    masked = "".join(mask(sign) for mask, sign in zip(chosen, plain, strict=True))
    assert kind in {finding.kind for finding in found(masked)}


def wide(sign: str) -> str:
    return chr(ord(sign) + 0xFEE0) if "!" < sign <= "~" and sign != "." else sign
