"""Secrets: what opens something to whoever holds it. Keys, tokens, passwords, connection strings, private keys. Pure.

Three ways tell them: a form that an issuer has given them, the name that stands before them (`password:`, `client
secret =`), and a frame (`-----BEGIN PRIVATE KEY-----`). A value that only looks random is none: hashes of commits,
UUIDs and checksums fill technical texts. The forms are those that issuers publish. The package detect-secrets knows
about as many, but reads lines of code under settings of the process, wants quotes around most values, and asks the
network whether a key is in use.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from grounding.values import Finding

_BEFORE = r"(?<![A-Za-z0-9])"
_AFTER = r"(?![A-Za-z0-9])"
_BASE64 = r"[A-Za-z0-9_\-]"
_ISSUERS = "npm|dop|doo|dor|shpat|shpss|shpca|shppa|lin|dckr|vc|gsk|xai|nvapi|pplx|r8|fo1|tskey|atlasv1"
# Each begins with letters that are rare, or after a sign that is, and each part of open length is bounded: linear time.
_FORMS: tuple[tuple[float, str], ...] = (
    (1.0, r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}"),  # AWS
    (1.0, r"gh[pousr]_[A-Za-z0-9]{30,255}"),
    (1.0, r"github_pat_[A-Za-z0-9_]{20,255}"),
    (1.0, r"gl(?:pat|dt|ft|soat|rt|cbt|ptt|agent|oas|imt)-[A-Za-z0-9_\-]{20,255}"),
    (0.9, r"(?:sk|rk|pk|gk|wh)[-_](?=[A-Za-z_\-]{0,255}\d)(?!\d{1,4}[-_])[A-Za-z0-9_\-]{20,255}"),  # Stripe, OpenAI, …
    (1.0, r"whsec_[A-Za-z0-9+/]{20,100}"),
    (1.0, r"xox[abceoprs]-[A-Za-z0-9\-]{10,255}"),
    (1.0, r"xapp-\d-[A-Za-z0-9\-]{20,255}"),
    (1.0, r"AIza[A-Za-z0-9_\-]{35}"),
    (1.0, r"ya29\.[A-Za-z0-9_\-]{20,255}"),
    (1.0, r"GOCSPX-[A-Za-z0-9_\-]{20,40}"),
    (1.0, r"hf_[A-Za-z0-9]{30,64}"),
    (0.9, rf"(?:{_ISSUERS})[-_](?=[A-Za-z_\-]{{0,64}}\d)[A-Za-z0-9_\-]{{28,255}}"),
    (1.0, r"pypi-[A-Za-z0-9_\-]{50,255}"),
    (1.0, r"SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{32,64}"),  # SendGrid
    (0.9, r"(?:AC|SK)[0-9a-f]{32}"),  # Twilio
    (0.9, r"[0-9a-f]{32}-us\d{1,2}"),  # Mailchimp
    (1.0, r"sq0[a-z]{3}-[A-Za-z0-9_\-]{22,43}"),
    (1.0, r"hv[sb]\.[A-Za-z0-9_\-]{24,255}"),  # HashiCorp Vault
    (1.0, r"AGE-SECRET-KEY-1[A-Z0-9]{50,60}"),
    (0.9, r"\d{8,10}:AA[A-Za-z0-9_\-]{33}"),  # Telegram
    (0.9, r"[MNO][A-Za-z0-9_\-]{23,25}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,38}"),  # Discord
)  # fmt: skip
_KEYS: tuple[tuple[float, re.Pattern[str]], ...] = (
    *((score, re.compile(f"{_BEFORE}{form}{_AFTER}")) for score, form in _FORMS),
    (0.9, re.compile(rf"(?<![A-Za-z0-9_\-])eyJ{_BASE64}{{10,4000}}\.eyJ{_BASE64}{{2,4000}}\.{_BASE64}{{0,1000}}")),
    (0.8, re.compile(r"(?<=[Bb]earer )(?=[A-Za-z._~+/\-]{0,255}\d)[A-Za-z0-9._~+/\-]{16,1000}={0,2}")),
    (0.8, re.compile(r"(?<=[Bb]asic )(?=[A-Za-z+/]{0,255}\d)[A-Za-z0-9+/]{16,1000}={0,2}(?![\w\-.])")),
    (1.0, re.compile(r"(?<=hooks\.slack\.com/services/)[A-Z0-9]{6,16}/[A-Z0-9]{6,16}/[A-Za-z0-9]{16,40}")),
    (1.0, re.compile(r"(?<=AccountKey=)[A-Za-z0-9+/]{40,100}={0,2}|(?<=SharedAccessKey=)[A-Za-z0-9+/]{30,100}={0,2}")),
    (0.9, re.compile(r"(?<=[?&]sig=)[A-Za-z0-9%+/]{30,120}={0,2}")),  # Azure's shared access signature
)  # fmt: skip

_URL = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.\-]{1,20}://([^\s/:@\"'<>]{0,64}):([^\s/@\"'<>]{1,128})@[^\s/?#\"'<>,;]{1,255}"
)
_NO_PASSWORD = re.compile(
    r"[<{\[$%*]|\.{3}|x{3,}|pass(?:word|wd)?\Z|pwd\Z|secret\Z|token\Z|key\Z|changeme\Z", re.IGNORECASE
)

_BEGIN_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_END_KEY = re.compile(r"-----END (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=\s:,\\\-]*")

_PASSWORD = re.compile(
    r"(?:(?:pass(?:word|wd|phrase|code)|(?<![a-z])pwd|(?<![a-z])pass|kennwort|passwort|contraseña|mot de passe)"
    r"|パスワード|暗証番号|合言葉)"
    r"(?P<between>[\"'”」]?[ ]?(?:for|of|to|on|の)?(?:[ ](?:the|my|our|your)){0,1}(?:[ ][\w.\-]{1,20}){0,2}?[ ]?)"
    r"(?P<sign>:=|=>|==?|:|\b(?:is|was)\b[ ]?:?|は[、:]?|が)[ ]{0,3}(?P<quote>[\"'`「“]?)"
    r"(?P<value>[^\s\"'`“”\u3000-\uffef]{3,128})",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"(?:(?:api|access|secret|private|signing|encryption|account|auth|service|subscription|master|shared)[ _\-]?key"
    r"|secret|token|credentials?|apikey|api[ _\-]?id|アクセスキー|シークレット|トークン|api[ ]?キー|秘密鍵|認証キー)"
    r"[\w\-]{0,24}+[\"'」]?(?:[ ]?(?::=|=>|==?|:|\bis\b:?|は[、:]?|が)[ ]{0,3}|[ ]{1,3})[\"'`「“]?"
    r"(?P<value>[A-Za-z0-9+/_\-.~=]{16,200})(?!\w)",
    re.IGNORECASE,
)
_PIN = re.compile(
    r"(?<![A-Za-z])(?:PIN(?:[ ]?(?:code|number))?|暗証番号)(?:[ ]?(?:is|:|=|は)){1,2}[ ]{0,2}(\d{4,8})(?![\w.,\-]\d|\w)"
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)
_LEAST_ENTROPY = 3.0
"""Bits a character: words and paths of names lie below or hold no digit, random keys of 16 characters above."""
# What stands after `password =` in programs, forms and advice: names, calls, types and gaps to be filled.
_PLACEHOLDERS = frozenset(
    "none null nil true false required optional str string text bytes int bool any void undefined empty blank unset "
    "your yours mine the a an not no yes must should may can will cannot has have too very only also always never now "
    "here there this that these those it wrong right incorrect correct invalid valid expired weak strong reset changed "
    "hidden masked redacted encrypted hashed stored sent case-sensitive prompt getpass input field policy value secret "
    "password passwd pwd token key username user name email os env environ config settings self args request form "
    "example placeholder default minimum maximum min max at least between for and or of to in on with by from as "
    "erforderlich requise obligatoria 同じ 必須 任意 以下 以上 次".split()
)
_TRAILING = ".,;:)]}>"


def secrets_in(text: str, narrow: str) -> Iterator[Finding]:
    """Secrets in any order; spans may overlap. `narrow` is the text with wide forms made narrow, as long as before;
    `text` the same with a space for each sign of a script without spaces."""
    yield from _private_keys(text)
    for score, pattern in _KEYS:
        for match in pattern.finditer(text):
            yield Finding("API_KEY", match.start(), match.end(), score)
    for match in _URL.finditer(text):
        if "://" in text and not _NO_PASSWORD.match(match[2]):
            yield Finding("URL_CREDENTIALS", match.start(), match.end(), 0.9)
    for match in _SECRET.finditer(narrow):
        if _is_random(match["value"]):
            yield Finding("API_KEY", *match.span("value"), 0.7)
    for match in _PASSWORD.finditer(narrow):
        value = match["value"].rstrip(_TRAILING)
        if _is_password(value, match):
            yield Finding("PASSWORD", match.start("value"), match.start("value") + len(value), 0.8)
    for match in _PIN.finditer(narrow):
        yield Finding("PASSWORD", *match.span(1), 0.7)


def _private_keys(text: str) -> Iterator[Finding]:
    at = 0
    while begin := _BEGIN_KEY.search(text, at):
        body = _KEY_BODY.match(text, begin.end())
        end = _END_KEY.search(text, begin.end())
        following = _BEGIN_KEY.search(text, begin.end())
        # A key that was cut off has no end of its own.
        whole = end and (following is None or end.start() < following.start())
        at = end.end() if end and whole else body.end() if body else begin.end()
        yield Finding("PRIVATE_KEY", begin.start(), at, 1.0)


def _is_random(value: str) -> bool:
    """False for words, names of variables, paths and UUIDs."""
    value = value.strip("=.-_")
    if len(value) < 16 or not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)) or _UUID.match(value):
        return False
    # user_token_v2, 2024-01-31-report: short runs of letters or digits, joined by signs.
    if max(map(len, re.split(r"[/_\-.+=~]", value))) < 12:
        return False
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) >= _LEAST_ENTROPY


def _is_password(value: str, match: re.Match[str]) -> bool:
    """False for what programs, forms and advice have after the word.

    After "is" a word of small letters is part of a sentence, so a password there needs a digit or a sign; after a colon
    or an equals sign it may be a word if nothing follows that would make it a sentence.
    """
    lower = value.casefold()
    if len(value) < 3 or lower in _PLACEHOLDERS or value[0] in "<{[($%*/\\-" or set(value) <= set("*•.xX_-#?"):
        return False
    if any(sign in value for sign in "([{") or lower.partition(".")[0] in _PLACEHOLDERS:
        return False
    telling = any(map(str.isdigit, value)) or bool(re.search(r"[!@#$%^&*+=~?]", value.rstrip(_TRAILING)))
    mixed = value.isalnum() and not value.istitle() and not value.islower() and not value.isupper() and value.isascii()
    if match["between"].strip(" \"'”」") and match["sign"] in (":", "=", "=="):
        return telling  # password reset page: …
    if telling or (match["quote"] and value.isascii()):
        return not value.isdigit() or len(value) >= 4
    if match["sign"].strip().rstrip(":") in ("is", "was") or "は" in match["sign"] or "が" in match["sign"]:
        return mixed
    rest = match.string[match.end("value") : match.end("value") + 2]
    return value.isascii() and (mixed or not rest or rest[0] in "\n\r\"',;" or match["sign"] != ":")
