"""Instructions to the model where there should be a question or a document: found sentence by sentence.

Three kinds of evidence add up as if independent: rules in English, Japanese and the plainest orders of other big
languages; a small linear model (docs/models/injection.md); and what a reader does not see, read like the rest. A text
that quotes or discusses attacks is not one: what stands in quotation marks, code or a block quote counts little where
the text speaks of it.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from grounding.safety.concealed import Stretch, concealed
from grounding.safety.disguise import INVISIBLE, undisguised
from grounding.safety.linear import LinearModel, buckets
from grounding.segment import Span, sentences
from grounding.values import Finding, Origin

MODEL = Path(__file__).with_name("injection.npz")
_THRESHOLD = 0.5
_QUOTED_WEIGHT = 0.25
_CONCEALED_THRESHOLD = 0.25
"""Of what is hidden from the reader less is put up with."""
_TOGETHER = 2
"""Sentences of a passage whose signs add up: an order may need two. A question is judged as a whole beside."""
_LEARNED = "learned"
_FEW_BETWEEN = 2
"""Sentences between two orders that go with them."""
_FEWEST_WORDS, _FEWEST_SIGNS = 4, 8
"""Of a sentence of a document that the model may speak of: words, or signs of a script without spaces."""
_UNLIKELY = -2.0
"""Log-odds under which the model says nothing: weak hints would add up with those of the rules."""
_QUESTIONS = (0, 24)
_DOCUMENTS = (1, 80)
"""The head of the model, and from how many n-grams on it is asked: in a document headings and exclamations of a few
words say too little."""

_GAP = r"(?:[\s,]{1,3}[\w'-]{1,20}){0,%d}?[\s,]{1,3}"
_IGNORE = (
    r"(?:ignore|ignoring|disregard|disregarding|forget|override|overrule|bypass|discard|neglect|drop|erase"
    r"|abandon|dismiss"
    r"|stop (?:following|obeying)|(?:do not|don't|don'nt|dont|no longer) (?:follow|obey|listen to|comply with"
    r"|adhere to)"
    r"|pay no attention to|get rid of|throw away|pretend (?:to have|you have|you) (?:forgotten|never)(?: about)?)"
)
_ORDERS = (
    r"(?:instructions?|instrutions?|directions?|directives?|prompts?|guidelines?|orders?|commands?|rules?|constraints?"
    r"|restrictions?|programming|training|context|conversation|assignments?|tasks?|guardrails?|safeguards?|policies)"
)
_EARLIER = (
    r"(?:previous(?:ly)?|prior|preceding|earlier|above|foregoing|former|initial|original|existing|current|system"
    r"|given|hidden|other|old|past|safety|content|developer)"
)
_MINE = r"(?:all|any|every|everything|your|my|our|these|those|the|of|that|such|what|you|were|was|got|have|been|and|or)"
# Who would leave instructions aside: "can I ignore ..." and "never ignore ..." are no orders to the model.
_NOT_ORDERED = re.compile(
    r"(?:\b(?:i|we|to|not|never|they|users|people|or|staff|employees|who|would|could|may|he|she|it|did)|n't) $"
)
_SHOW = (
    r"(?:show|print|reveal|display|repeat|output|tell|give|list|share|expose|leak|summari[sz]e|translate|write"
    r"|return|dump|recite|copy|paste|provide|disclose|spell[ -]?check|what (?:is|are|was|were)|what's|which are)"
)
_SAY = r"(?:say|output|print|write|answer|reply|respond|return|state|tell)"
_AI = (
    r"(?:ai|a\.i\.|llms?|(?:large )?language models?|(?:ai|virtual) assistants?|chat ?bots?|chatgpt|gpt|ai models?"
    r"|summari[sz]er)"
)
_FREE = (
    r"(?:unrestricted|unfiltered|uncensored|no (?:programming |ethical |moral )?(?:restrictions?|limitations?"
    r"|filters?|rules|ethics|morals|censorship"
    r"|boundaries|guidelines)|without (?:any )?(?:\w+ )?(?:restrictions?|limitations?|filters?|rules|ethics"
    r"|morals|censorship)"
    r"|(?:not|isn't|aren't) (?:bound|limited|restricted) by|broken? free|do anything now|\bdan\b|jail ?broken"
    r"|evil|amoral|(?:does|do|will|must) not (?:follow|have|obey) (?:any )?(?:rules|ethics|guidelines|restrictions))"
)


@dataclass(frozen=True, slots=True)
class _Sign:
    reason: str
    weight: float
    pattern: re.Pattern[str]


def _sign(reason: str, weight: float, pattern: str) -> _Sign:
    return _Sign(reason, weight, re.compile(pattern, re.MULTILINE))


_SIGNS = (
    # Orders to leave earlier orders aside.
    _sign(
        "override",
        0.9,
        rf"\b{_IGNORE}(?:[\s,]{{1,3}}(?:{_MINE}|{_EARLIER}|please|completely|immediately|about)){{1,7}}"
        rf"[\s,]{{1,3}}{_ORDERS}\b(?! (?:for|on|of the (?:device|manual|machine)))",
    ),
    _sign(
        "override",
        0.9,
        rf"\b{_IGNORE}[\s,]{{1,3}}(?:(?:all|any|the|every|of)[\s,]{{1,3}}){{0,3}}{_ORDERS}"
        r"[\s,]{1,3}(?:above|before|given|so far|you|that (?:came|were)|prior|previously)\b",
    ),
    _sign(
        "override",
        0.85,
        rf"\b{_IGNORE} (?:about )?(?:everything|all|anything|whatever|what)(?:$|[.!,;:]| (?:and|above|before|prior"
        r"|previous|preceding|that|this|you|i|we|just|else|provided|the)\b)",
    ),
    _sign("override", 0.7, rf"\b{_IGNORE} (?:the )?above (?:and|text|directions|content|messages?|sentences?)\b"),
    _sign(
        "override",
        0.8,
        rf"\b{_IGNORE}(?:[\s,]{{1,3}}(?:{_MINE}|{_EARLIER})){{1,5}}[\s,]{{1,3}}"
        r"(?:documents?|articles?|sources?|information|messages?|text|answers?)\b",
    ),
    _sign(
        "override",
        0.7,
        rf"\b(?:all|everything)\b{_GAP % 6}(?:previous(?:ly)?|before|above|so far|until now){_GAP % 4}(?:is|are"
        rf"|was|were) "
        r"(?:now )?(?:irrelevant|void|invalid|cancelled|canceled|obsolete|over|null)",
    ),
    _sign(
        "override",
        0.6,
        r"\b(?:do not|don't|dont|never) (?:look (?:in|at|into)|use|rely on|consult|consider"
        r"|answer from) (?:any of )?(?:the|these|your)"
        r" (?:provided |given |above |retrieved )?(?:documents?|articles?|context|sources|evidence"
        r"|passages)(?: (?:provided|given|above))?[,;]? (?:but|and|just|instead|only)\b",
    ),
    _sign(
        "override",
        0.85,
        rf"\b(?:{_IGNORE}|circumvent|sidestep|suspend|evade|shed|unlearn|break free (?:of|from)|step outside(?: of)?)"
        r"[\s,]{1,3}(?:all )?(?:of )?your (?:[\w-]{2,14} ){0,3}(?:protocols?|algorithms?|programming|training"
        r"|ethics|(?:ethical|moral) \w{4,14}|safeguards?|constraints?|parameters|decision-making|directives?)\b",
    ),
    _sign("override", 0.3, r"\b(?:answer|respond|reply) (?:by|from|with|using) your own (?:knowledge|opinion)\b"),
    _sign(
        "override",
        0.5,
        r"\brepeat after me\b|\bin addition to (?:the|your|all) (?:other|previous|above) (?:instructions|rules)\b",
    ),
    _sign(
        "override",
        0.6,
        r"\b(?:new|updated|real|actual|true) (?:instructions?|orders?|directives?|task)\s?(?::|follow\b"
        r"|are\b(?! (?:in|on|at))|is to\b)"
        r"|\b(?:your|the) new (?:task|instructions|role|goal|objective|orders)\b|\bhere (?:are|come|is) (?:your )?new "
        r"(?:instructions|orders|task)|\bnew instructions? (?:will )?(?:now )?follow",
    ),
    _sign("override", 0.6, r"\bdo(?: not|n't|nt) answer (?:to )?(?:this|the|my|that|any) (?:question|request)s?\b"),
    _sign(
        "override",
        0.35,
        rf"\b(?:just|only|simply|instead|now) {_SAY}(?: (?:only|just|me|the following))*\s?:?\s?[\"'“「]",
    ),
    _sign(
        "override",
        0.9,
        r"(?:これまで|今まで|いままで|ここまで|以前|前述|上記|上|先ほど|さっき|従来|元|最初|既存|今|すべて|全て"
        r"|全部|あらゆる|システム)"
        r"(?:の|に)[^。\n]{0,14}(?:指示|命令|指令|ルール|規則|規約|プロンプト|設定|制約|制限|文脈|内容|会話"
        r"|情報)[^。\n]{0,8}"
        r"(?:無視(?:して(?!い|は|も|しま)|しろ|せよ|しなさい)|忘れ(?:て(?!い|は|も|しま)|ろ|なさい|よ)"
        r"|破棄(?:して(?!い)|しろ|せよ)"
        r"|従わない(?:で|こと)|従うな|リセットして(?!い)|上書きして(?!い)|取り消して(?!い)|解除して(?!い))",
    ),
    _sign(
        "override",
        0.85,
        r"(?:指示|命令|プロンプト|ルール)(?:は|を)?(?:すべて|全て|全部|完全に)(?:無視して(?!い|は)|忘れて(?!い"
        r"|は)|無視しろ|忘れろ)",
    ),
    _sign(
        "override",
        0.85,
        r"\b(?:vergiss|vergessen sie|ignoriere?n?(?: sie)?|missachte)(?: (?:nun|jetzt|bitte))? (?:alles|alle"
        r"|s[äa]mtliche|die|deine|ihre)\b"
        r"[^.!?\n]{0,40}?(?:anweisung|befehl|auftr[äa]g|aufgabe|instruktion|angabe|regel|davor|vorher|bisher|oben"
        r"|obig|$)|\b(?:vorherige|bisherige|obige|vorangehende|vorangegangene)n\b[^.!?\n]{0,40}?(?:ignorier|vergess"
        r"|hinter (?:sich|dir)|streichen)"
        r"|\b(?:olvid[ae]|ignor[ae]|oublie[zr]?|ignore[zr]?|dimentica(?:te)?|esque[cç]a|esqueçam|zaboravi"
        r"|zanemari)(?: de)? (?:todas?|todos|toutes?|tous|tutt[eio]|sve|as|les|las|le)\b[^.!?\n]{0,30}?"
        r"(?:instruccion|instruction|istruzion|instruç|instrukcij|[óo]rden|consigne|regl[ae]|r[èe]gles|anterior"
        r"|précédent)|(?:игнорируй|забудь|проигнорируй)(?:те)?\s[^.!?\n]{0,40}?(?:инструкц|указани|команд)"
        r"|(?:忽略|忘记|忘掉|无视|無視|忽視)(?:掉)?(?:所有|之前|以上|上述|前面|先前|你|一切"
        r"|全部)[^。！？\n]{0,12}?(?:指令|指示|说明|提示|规则|內容|内容|命令)"
        r"|(?:이전|위의?|모든|지금까지의?)\s?[^.!?\n]{0,10}?(?:지시|명령|지침|프롬프트)[^.!?\n]{0,8}?(?:무시|잊어)",
    ),
    # The prompt itself.
    _sign(
        "reveal",
        0.85,
        rf"\b{_SHOW}\b{_GAP % 5}(?:system|initial|hidden|secret|internal|original|full|entire|complete|above"
        rf"|previous|preceding"
        r"|prior|first|starting|custom)[\s,]{1,3}(?:(?:system|hidden|secret|initial|set of|your|of|the)[\s,]{1,3}){0,3}"
        r"(?:prompts?|instructions?|system message|directives?|pre-?prompt)\b(?! (?:for|on|manual))",
    ),
    _sign(
        "reveal",
        0.8,
        rf"\b{_SHOW}\b{_GAP % 4}your (?:\w{{2,12}} ){{0,2}}(?:prompts?|prompt texts?|instructions?|pre-?prompt"
        rf"|directives|programming"
        r"|system message|guidelines|rules)\b(?! (?:for|on|about|regarding|concerning|to|in|at)\b)",
    ),
    _sign(
        "reveal",
        0.8,
        rf"\b(?:{_SHOW}|unmask|uncover)\b{_GAP % 3}(?:core|primary|initial|original|fundamental|foundational|essential"
        r"|hidden|secret|guiding|underlying|first) (?:training )?(?:command|prompt|instruction|directive|query)s?"
        r" (?:that |which )?(?:you\b|behind your|beneath your|guid\w{1,4} you)",
    ),
    _sign(
        "reveal",
        0.75,
        r"\b(?:show|print|output|reveal|display|repeat)\b[^.!?\n]{0,25}?\b(?:all|every"
        r"|each)\b[^.!?\n]{0,12}?\bprompt(?:s| texts?)\b",
    ),
    _sign(
        "reveal",
        0.7,
        rf"\b(?:repeat|output|print|copy|return) (?:me )?(?:back )?(?:the |all (?:of )?(?:the )?"
        rf"|every(?:thing)? )?(?:words?|text|sentences?|lines?"
        rf"|content|instructions?|everything|conversation)\b{_GAP % 3}(?:above|before|previously|so far|given"
        rf"|to me|verbatim)",
    ),
    _sign(
        "reveal",
        0.7,
        r"\b(?:print|output|show|reveal|dump|list)(?: out)? all (?:of )?(?:the |your )?(?:instructions"
        r"|rules|directives)\b(?! (?:for|on|about|of)\b)",
    ),
    _sign(
        "reveal",
        0.6,
        r"\bwhat (?:was|is|were|has been) (?:written|said|told|stated|typed)(?: to you)? (?:above"
        r"|before (?:this|that)|at the (?:beginning|start|top))\b",
    ),
    _sign(
        "reveal",
        0.6,
        r"\b(?:your|the) (?:developers?|creators?|system) (?:told|instructed|ordered|asked) you (?:not )?to\b",
    ),
    _sign(
        "reveal",
        0.85,
        r"(?:システム|初期|内部|隠された|隠し|秘密の|元の|最初の|上記の|あなた(?:へ"
        r"|に与えられた)?の?)(?:の)?(?:システム)?(?:プロンプト|指示文?|命令文?|インストラクション|設定文?)"
        r"(?:の(?:全文|内容|すべて|全て))?(?:を|は)[^。\n]{0,12}(?:表示|出力|教え|見せ|開示|公開|そのまま|繰り返"
        r"|書き出|明か|コピー|示し)",
    ),
    # Marks that only the machinery writes.
    _sign(
        "marker",
        0.9,
        r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|start_header_id"
        r"|begin_of_text)\|>|<<\s?/?sys\s?>>|\[/?inst\]",
    ),
    _sign(
        "marker",
        0.8,
        r"^\W{0,6}#{2,4}\s?(?:system|instructions?|assistant|human|developer)(?: (?:prompt|message"
        r"|override|note))?\s?:",
    ),
    _sign(
        "marker",
        0.6,
        r"^[\W_]{0,6}(?:system|developer)(?: (?:prompt|message|note|override|update"
        r"|instruction))?[\])}\"]?\s?:[^\n]{0,120}?"
        r"\b(?:you|assistant|ignore|must|override|obey|always|never|respond)\b",
    ),
    _sign("marker", 0.3, r"^[\W_]{0,6}(?:system|developer)[\])}]?\s?:|^[ \t]{0,3}[\[({](?:system|developer)[\])}]"),
    _sign(
        "marker",
        0.7,
        r"</?(?:system|system_prompt|instructions?|assistant)>|\b(?:begin"
        r"|end) (?:of )?(?:the )?(?:system|user|hidden) (?:prompt|ambiguity|instructions?|input)\b",
    ),
    _sign(
        "marker",
        0.5,
        r"\bend of (?:the )?(?:documents?|context|user (?:input|query|question)"
        r"|conversation)\b\W{1,12}(?:new|now|system|instructions?)\b",
    ),
    # Another self for the model.
    _sign(
        "role",
        0.8,
        rf"\b(?:act(?:ing)? as|pretend|you (?:are|will be|'re)|role ?-?play|imagine|simulate|respond as"
        rf"|answer as)\b[^.\n]{{0,90}}?\b{_FREE}",
    ),
    _sign(
        "role",
        0.8,
        r"\b(?:dan|developer|debug|maintenance|god|jailbreak|opposite|evil|unrestricted|admin|sudo"
        r"|root) mode (?:is |has been )?(?:now )?(?:enabled|activated?|on\b|engaged)|\b(?:enable"
        r"|activate|switch to|enter|turn on|in) (?:dan|god|jailbreak|evil|unrestricted|developer|maintenance) mode\b",
    ),
    _sign(
        "role",
        0.55,
        r"\bfrom now on\b[,\s]{1,3}(?:you (?:will |shall |must |should )?(?:are|only|reply|answer"
        r"|respond|act|speak|be|pretend)|reply|answer|respond|act|speak|pretend)\b",
    ),
    _sign(
        "role",
        0.5,
        r"\b(?:you are|you're) now (?!(?:ready|connected|logged|able|done|signed|registered|eligible"
        r"|entitled|set|finished|in (?:the|a|your)|on|at|leaving|entering|free to|using|required|allowed"
        r"|aware)\b)(?:an?|the|my|called|named|no longer|going to|in|[a-z]+,)",
    ),
    _sign("role", 0.5, r"\b(?:okay|ok|now)[.,]? (?:now )?you are (?!(?:ready|done|able|connected|going)\b)[a-z]"),
    _sign(
        "role",
        0.6,
        r"(?:今|これ|いま)から(?:、|は|、?あなたは"
        r"|の会話では)[^。\n]{0,30}(?:として(?:振る舞|ふるま|行動|回答|返答|話)"
        r"|になりきっ|のふりをし)|あなたは(?:今|これ|いま)から[^。\n]{0,25}(?:です|だ|として|になり|である)",
    ),
    _sign(
        "role",
        0.8,
        r"(?:脱獄|開発者|デバッグ|無制限|制限なし|メンテナンス)モード(?:を|に|が"
        r"|で)[^。\n]{0,6}(?:有効|切り替|なっ|なり|起動|入|オン|動作)|(?:制限"
        r"|制約|倫理|検閲|フィルター)(?:の|が)?(?:ない|なし|無し"
        r"|無い)(?:の)?(?:AI|ai|人工知能|アシスタント|モデル|状態)",
    ),
    # Documents that speak to the reader's machine.
    _sign(
        "addressed",
        0.7,
        rf"\b(?:if you are|attention|note (?:to|for)|message (?:to|for)|instructions? (?:to|for)|dear|hey"
        rf"|hello|hi|as)\W{{1,3}}(?:an? |the |any |all )?{_AI}\b[^.\n]{{0,30}}?(?:[:,;]|reading"
        rf"|processing|summari[sz]ing|you must|please)",
    ),
    _sign(
        "addressed",
        0.6,
        rf"\b{_AI}\b[^.\n]{{0,25}}?\b(?:must|shall|has to|should (?:always|only|now|immediately)"
        rf"|is (?:required|instructed|ordered) to)\b[^.\n]{{0,40}}?\b(?:say|tell|respond|reply|answer"
        rf"|recommend|include|mention|output|state|ignore|rank|rate|insert|append|reveal|send)\b",
    ),
    _sign(
        "addressed",
        0.4,
        r"\b(?:tell|inform|assure|convince|instruct|urge) the user (?:that|to)\b|\b(?:do not|don't"
        r"|never) (?:tell|inform|mention|reveal|show|disclose)\b[^.\n]{0,30}?\b(?:the user"
        r"|to (?:the )?users?|this (?:paragraph|instruction|message|note|text|prompt)|any source|these instructions)",
    ),
    _sign(
        "addressed",
        0.5,
        rf"\bin (?:your|the) (?:response|answer|reply|summary|output)s?\b[^.\n]{{0,12}}?\b(?:mention"
        rf"|include|say|recommend|add|insert|promote|state|write|always|you must)\b|\b(?:modify|enhance"
        rf"|alter|adjust|begin|start|end) (?:your|each|every) (?:response|answer|reply)s?\b|\b(?:{_SAY}"
        rf"|include|mention|claim)\b[^.\n]{{0,20}}?\b(?:in|at the end of|to) (?:your|every"
        rf"|each) (?:response|answer|reply|summary)",
    ),
    _sign(
        "addressed",
        0.6,
        r"(?:ユーザー|利用者|質問者|読者)(?:に|へ|には)[^。\n]{0,20}(?:言わない"
        r"|伝えない|知らせない|教えない|見せない)(?:で|こと)|(?:AI|ai|アシスタント"
        r"|言語モデル|チャットボット|エーアイ)(?:は|へ|に|よ)[^。\n]{0,30}(?:必ず"
        r"|絶対に|ただちに|以下の)[^。\n]{0,30}(?:回答|答え|出力|推薦|伝え|表示|返答)(?:し|せ|て|る)",
    ),
    _sign("override", 0.6, r"(?:以下|次|この文章|この文書|私)の(?:命令|指示|言葉)(?:に(?:のみ|だけ)|だけに)従"),
    _sign(
        "addressed",
        0.45,
        r"(?:ai|アシスタント|言語モデル|チャットボット|人工知能|エージェント)(?:へ|に告ぐ)"
        r"(?:の(?:指示|注意|お願い|伝言|命令))?(?:[。:、\n]|$)",
    ),
    _sign(
        "addressed",
        0.5,
        r"(?:回答|返答|要約|答え)(?:では|には|の最後に|の冒頭で)、?(?:必ず|常に)[^。\n]{0,40}(?:と書|と述べ|と答え|を推薦|を勧め|を薦め)",
    ),
    # Data carried out.
    _sign(
        "exfiltration",
        0.9,
        r"!\[[^\]\n]{0,120}\]\(\s?https?://[^\s)]{0,300}?(?:\{|\$\{|%7b|<[a-z]|\[[a-z])[^)\n]{0,200}\)",
    ),
    _sign(
        "exfiltration",
        0.8,
        r"\b(?:send|post|forward|upload|e-?mail|transmit|exfiltrate|append|encode|leak"
        r"|submit)\b[^.\n]{0,50}?\b(?:conversation|chat (?:history|log)|user'?s? (?:data|message"
        r"|question|input|name|email)|api keys?|secrets?|credentials?|passwords?|tokens?|system prompt"
        r"|private data)\b[^.\n]{0,50}?(?:https?:/|\bto (?:this|the following) (?:url|address|server"
        r"|site|endpoint|e-?mail)|@[\w-]+\.|\burl\b|\bwebhook\b)",
    ),
    _sign(
        "exfiltration",
        0.9,
        r"<img\b[^>\n]{0,200}?\bsrc\s?=\s?[\"']?https?://[^\s>\"']{0,300}?(?:\{|%7b|<[a-z]|\[[a-z])",
    ),
    _sign(
        "exfiltration",
        0.6,
        r"https?://\S{1,200}[^\n]{0,60}?\b(?:the (?:whole |entire |encoded )?(?:conversation|chat history)|chat history"
        r"|the user'?s? (?:\w{1,20} )?(?:messages?|questions?|e-?mail|name|input|credentials|data|words)|system prompt"
        r"|what the user (?:asked|said|typed|wrote))\b",
    ),
    _sign(
        "exfiltration",
        0.8,
        r"(?:会話|履歴|個人情報|apiキー|パスワード|認証情報|秘密情報"
        r"|システムプロンプト)[^。\n]{0,20}を[^。\n]{0,60}(?:https?://"
        r"|url|外部サーバー|次のアドレス)[^。\n]{0,60}(?:送信|送って|転送|付け|埋め込)",
    ),
)

_WORDS = frozenset(
    (
        "ignore disregard forget override bypass discard previous prior earlier instruction instructions prompt "
        "prompts system reveal print repeat show tell told say write answer reply respond response output rules "
        "guidelines above before everything commands orders pretend jailbreak restrictions limits developer mode "
        "assistant model "
        "user users you your are the this that these those must never always only not now new task role act secret "
        "hidden key password conversation message question instead follow obey recommend mention state claim and all "
        "any from with here there where when what who mind make sure have has will into enabled anything nothing"
    ).split()
)
_DISCUSSED = re.compile(
    r"\b(?:inject\w*|attack\w*|attempt\w*|adversar\w*|malicious|phish\w*|jailbreak(?:s|ing)?|examples?|e\.g"
    r"|quot\w+|evidence|hidden"
    r"|phrases?|such as|sentences?|detect\w*|filters?|security|threat\w*|trick\w*|incident\w*|case study"
    r"|reads? as follows|means?|meaning|why|explain\w*|what does|said|says|saying|called|known as|like)\b"
    r"|攻撃|注入|インジェクション|例えば|たとえば|例|悪意|不正|手口|引用|事例|検知|検出|とは|という(?:文|表現"
    r"|指示|言葉|命令)|どういう意味|なぜ"
)
_QUOTE = re.compile(
    r"\"[^\"\n]{3,400}\"|“[^”\n]{3,400}”|«[^»\n]{3,400}»|「[^」\n]{3,400}」|『[^』\n]{3,400}』|`[^`\n]{3,400}`"
    r"|(?<![\w'])'[^'\n]{3,400}'(?![\w'])|^[ \t]{0,3}>[^\n]{0,2000}$",
    re.MULTILINE,
)
_FENCE = re.compile(r"^ {0,3}```", re.MULTILINE)
_LED_IN = re.compile(
    r"(?:phrases?|words?|sentences?|such as|like|says?|saying|called|means?|texts?|prompts?|commands?) (?:like "
    r"|such as )?$"
)
_LED_IN_WITHIN = 32
_BETWEEN_LETTERS = re.compile("(?<=[A-Za-z])[\u200b-\u200f\u2060-\u2064\ufeff](?=[A-Za-z])")
_SPELT_OUT = re.compile(r"(?<![\w'])[^\W\d_](?:[ .\-_*]{1,2}[^\W\d_]){11,40}(?![\w'])")
_MANY_INVISIBLE = 3
_BLOCK = re.compile(
    r"<\|(?:im_start|system|user|assistant|start_header_id|begin_of_text)\|>[\s\S]{0,1500}?(?:<\|(?:im_end|eot_id"
    r"|endoftext|end)\|>|\Z)"
    r"|\[INST\][\s\S]{0,1500}?(?:\[/INST\]|\Z)|<<SYS>>[\s\S]{0,1500}?(?:<</SYS>>|\Z)"
    r"|<start_of_turn>[\s\S]{0,1500}?(?:<end_of_turn>|\Z)"
    r"|<(system|system_prompt|instructions?)>[\s\S]{0,1500}?</\1>"
    r"|^(?:Human|User):[^\n]{0,1000}\n\s{0,9}(?:Assistant|AI):[^\n]{0,1000}",
    re.MULTILINE,
)
"""From the mark that opens a turn of a chat to the one that closes it: what stands between belongs to it."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text as the rules read it: its sentences undisguised, in one string; `starts[i]` is where sentence i begins."""

    text: str
    spans: list[Span]
    sentences: list[str]
    plain: str
    starts: list[int]

    def within(self, start: int, end: int) -> range:
        """The sentences that plain[start:end] touches."""
        return range(max(0, bisect_right(self.starts, start) - 1), bisect_right(self.starts, max(start, end - 1)))


class InjectionCheck:
    """SafetyCheck named "injection". A finding spans the sentence, or the hidden stretch, and its kind is the
    weightiest sign. Loads its model when it is made."""

    name = "injection"
    origins: frozenset[Origin] = frozenset({"question", "passage", "history"})

    def __init__(self, model: Path = MODEL) -> None:
        self._model = LinearModel.load(model)
        self.version = f"4-{self._model.version}"

    def find(self, text: str, *, origin: Origin, language: str) -> list[Finding]:
        findings = list(_blocks(text))
        seen = text
        coded: list[tuple[Stretch, float]] = []
        for stretch in concealed(text):
            score = self._held_against(stretch, origin, language)
            if score and stretch.encoded:
                coded.append((stretch, score))
            elif score:
                findings.append(Finding("hidden", stretch.start, stretch.end, score))
                # What is cut out anyway is no reason to cut the sentence around it as well.
                seen = seen[: stretch.start] + " " * (stretch.end - stretch.start) + seen[stretch.end :]
        reading = _read(seen, language)
        findings += [Finding("hidden", *_with_lead_in(stretch, seen, reading.spans), score) for stretch, score in coded]
        guilty = _guilty(self._weigh(reading, origin), width=len(reading.spans) if origin == "question" else _TOGETHER)
        if origin != "question":
            findings += _between(sorted(guilty), reading)
        for at, (weights, score) in guilty.items():
            span = reading.spans[at]
            findings.append(Finding(_weightiest(weights), span.start, span.end, round(score, 3)))
        return sorted(set(findings), key=lambda found: (found.start, found.end, found.kind))

    def _held_against(self, stretch: Stretch, origin: Origin, language: str) -> float:
        """The score of a concealed stretch; 0 if it is innocent."""
        if stretch.never_innocent:
            return 0.9
        weighed = self._weigh(_read(stretch.says, language), origin)
        score = max((_together(weights.values()) for weights in weighed), default=0.0)
        return round(score, 3) if score >= _CONCEALED_THRESHOLD else 0.0

    def _weigh(self, reading: _Reading, origin: Origin) -> list[dict[str, float]]:
        """For each sentence its signs and what each weighs."""
        weighed: list[dict[str, float]] = [{} for _ in reading.spans]
        discussed = bool(_DISCUSSED.search(reading.plain))
        for reason, weight, start, end in _signs(reading.plain, discussed=discussed):
            for at in reading.within(start, end):
                weighed[at][reason] = max(weight, weighed[at].get(reason, 0.0))
        quoted = _quoted(reading.text) if discussed else b""
        said = list(reading.sentences)
        for at, span in enumerate(reading.spans):
            for reason, weight in _disguises(reading.text[span.start : span.end]):
                weighed[at][reason] = max(weight, weighed[at].get(reason, 0.0))
            if discussed and any(quoted[span.start : span.end]):
                own = (reading.text[i] for i in range(span.start, span.end) if not quoted[i])
                said[at] = undisguised_sentence("".join(own))
            if weight := self._learned(said[at], origin):
                weighed[at][_LEARNED] = weight
        # A question may be one order over many sentences, none of which gives it away.
        if origin == "question" and all(_together(weights.values()) < _THRESHOLD for weights in weighed):
            whole = self._learned(" ".join(said), origin) if len(said) > 1 else 0.0
            for weights in weighed if whole >= _THRESHOLD else []:
                weights[_LEARNED] = max(whole, weights.get(_LEARNED, 0.0))
        return weighed

    def _learned(self, sentence: str, origin: Origin) -> float:
        """How likely the model finds it, 0 to 1; 0.5 is where its threshold was set. 0 for what it cannot judge."""
        found = buckets(sentence)
        head, fewest = _QUESTIONS if origin == "question" else _DOCUMENTS
        if len(found) < fewest or (origin != "question" and _is_scrap(sentence)):
            return 0.0
        score = self._model.scores(found)[head]
        return 1.0 / (1.0 + math.exp(-score)) if score > _UNLIKELY else 0.0


def _is_scrap(sentence: str) -> bool:
    """Whether it is too short for an order: a field of a table and its value."""
    words = [word for word in sentence.split() if any(sign.isalpha() for sign in word)]
    return (
        len(words) < _FEWEST_WORDS and sum(sign.isalpha() and not sign.isascii() for sign in sentence) < _FEWEST_SIGNS
    )


def _read(text: str, language: str) -> _Reading:
    spans = sentences(text, language=language)
    pieces: list[str] = []
    plain: list[str] = []
    starts: list[int] = []
    length = at = 0
    for span in spans:
        between = text[at : span.start]
        gap = "\n" if "\n" in between or not plain else " " if between else ""
        piece = undisguised_sentence(text[span.start : span.end])
        starts.append(length + len(gap))
        pieces.append(piece)
        plain += (gap, piece)
        length += len(gap) + len(piece)
        at = span.end
    return _Reading(text, spans, pieces, "".join(plain), starts)


def undisguised_sentence(text: str) -> str:
    """The text as rules and model read it."""
    return undisguised(text, words=_WORDS)


def _guilty(weighed: Sequence[dict[str, float]], *, width: int) -> dict[int, tuple[dict[str, float], float]]:
    """The sentences that reach the threshold by themselves; where none of a window does but all of it together, those
    of the window that bear a sign."""
    guilty = {
        at: (weights, score)
        for at, weights in enumerate(weighed)
        if (score := _together(weights.values())) >= _THRESHOLD
    }
    for first in range(max(1, len(weighed) - width + 1)):
        window = range(first, min(first + width, len(weighed)))
        if any(at in guilty for at in window):
            continue
        merged: dict[str, float] = {}
        for at in window:
            for reason, weight in weighed[at].items():
                merged[reason] = max(weight, merged.get(reason, 0.0))
        if (score := _together(merged.values())) >= _THRESHOLD:
            guilty |= {at: (weighed[at], score) for at in window if weighed[at]}
    return guilty


def _between(guilty: Sequence[int], reading: _Reading) -> list[Finding]:
    """Sentences of one paragraph that stand between two orders, with few others: what they are given out with, such as
    the very thing to say, is cut out with them."""
    found: list[Finding] = []
    for before, after in pairwise(guilty):
        first, last = reading.spans[before], reading.spans[after]
        if after - before <= _FEW_BETWEEN + 1 and "\n" not in reading.text[first.end : last.start].strip(" "):
            found += [
                Finding("addressed", span.start, span.end, _THRESHOLD) for span in reading.spans[before + 1 : after]
            ]
    return found


def _weightiest(weights: dict[str, float]) -> str:
    """The reason of the greatest weight; one of the rules, if there is any, for they say what was found."""
    return max(weights, key=lambda reason: (reason != _LEARNED, weights[reason]))


def _together(weights: Iterable[float]) -> float:
    """The chance that at least one of independent signs is right."""
    doubt = 1.0
    for weight in weights:
        doubt *= 1.0 - weight
    return 1.0 - doubt


def _signs(plain: str, *, discussed: bool) -> Iterator[tuple[str, float, int, int]]:
    """What the rules find: reason, weight, and where in the plain text."""
    quoted_at = _quoted(plain) if discussed else b""
    for sign in _SIGNS:
        for match in sign.pattern.finditer(plain):
            before = plain[max(0, match.start() - _LED_IN_WITHIN) : match.start()]
            if sign.reason == "override" and _NOT_ORDERED.search(before):
                continue
            quoted = discussed and (quoted_at[match.start()] or _LED_IN.search(before))
            yield sign.reason, sign.weight * _QUOTED_WEIGHT if quoted else sign.weight, match.start(), match.end()


def _disguises(sentence: str) -> Iterator[tuple[str, float]]:
    """Signs in how a sentence is written, whatever it says."""
    if _SPELT_OUT.search(sentence):
        yield "hidden", 0.5
    if INVISIBLE.search(sentence) and len(_BETWEEN_LETTERS.findall(sentence)) >= _MANY_INVISIBLE:
        yield "hidden", 0.3


def _blocks(text: str) -> Iterator[Finding]:
    """Turns of a chat written into a text, from mark to mark, unless the text quotes and discusses them."""
    matches = list(_BLOCK.finditer(text))
    quoted = _quoted(text) if matches and _DISCUSSED.search(text.casefold()) else b""
    for match in matches:
        if not (quoted and quoted[match.start()]):
            yield Finding("marker", match.start(), match.end(), 0.9)


def _with_lead_in(stretch: Stretch, text: str, spans: Sequence[Span]) -> tuple[int, int]:
    """A coded stretch with the rest of its sentence in the same line, which says what to do with it."""
    touched = [span for span in spans if span.start < stretch.end and stretch.start < span.end]
    line_end = text.find("\n", stretch.end)
    starts = [max(span.start, text.rfind("\n", 0, stretch.start) + 1) for span in touched]
    ends = [min(span.end, line_end if line_end != -1 else len(text)) for span in touched]
    return min([stretch.start, *starts]), max([stretch.end, *ends])


def _quoted(text: str) -> bytearray:
    """For each character 1 if it stands in a quotation, a block quote or code."""
    marked = bytearray(len(text) + 1)
    fences = [match.start() for match in _FENCE.finditer(text)]
    spans = [*zip(fences[::2], fences[1::2], strict=False), *(match.span() for match in _QUOTE.finditer(text))]
    for start, end in spans:
        marked[start:end] = b"\1" * (end - start)
    return marked
