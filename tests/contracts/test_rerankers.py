"""What grounding.ports.Reranker promises, for every reranker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grounding import plugins
from grounding.errors import ConfigurationError, ModelError
from grounding.ports import Reranker
from grounding.settings import Settings
from tests.fakes import SharedWords

QUESTION = "how many days of leave"
PASSAGES = [
    "five days of leave a year",
    "",
    "the pump is blocked",
    "leave",
    "leave",
    "五日まで。",
    "\ud800 half a pair",
]
WORDS = "how many days of leave five a year the pump is blocked 五 日 ま で 。 half pair and then".split()
WINDOW = 32


def save_cross_encoder(folder: Path, *, outputs: int = 1) -> Path:
    """A small CrossEncoder with random weights, the same every time."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import BertProcessing
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    special = {name: f"[{name[:3].upper()}]" for name in ("pad_token", "unk_token", "cls_token", "sep_token")}
    vocabulary = {word: number for number, word in enumerate([*special.values(), *WORDS])}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=special["unk_token"]))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    ends = (special["sep_token"], vocabulary[special["sep_token"]]), (special["cls_token"], vocabulary["[CLS]"])
    tokenizer.post_processor = BertProcessing(*ends)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)  # type: ignore[no-untyped-call]
    torch.manual_seed(7)
    configuration = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=WINDOW,
        initializer_range=0.5,
    )
    configuration.num_labels = outputs
    BertForSequenceClassification(configuration).save_pretrained(folder)
    return folder


def factory(settings: Settings) -> SharedWords:
    """What a user's own module would hold."""
    return SharedWords()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("reranker") / "model")


@pytest.fixture(params=["folder", "factory"])
def reranker(request: pytest.FixtureRequest, folder: Path, make_settings: Callable[..., Settings]) -> Reranker:
    name = str(folder) if request.param == "folder" else f"{__name__}:factory"
    made = plugins.reranker(settings=make_settings(models={"reranker": name, "threads": 1}))
    assert made is not None
    return made


def test_it_is_a_reranker(reranker: Reranker) -> None:
    assert isinstance(reranker, Reranker)


def test_each_passage_has_a_score_in_the_order_given(reranker: Reranker) -> None:
    scores = reranker.scores(QUESTION, PASSAGES)
    assert len(scores) == len(PASSAGES)
    assert len({round(score, 6) for score in scores}) > 2
    assert scores[3] == pytest.approx(scores[4])
    turned = reranker.scores(QUESTION, PASSAGES[::-1])
    assert turned[::-1] == pytest.approx(scores, abs=1e-6)
    alone = [reranker.scores(QUESTION, [passage])[0] for passage in PASSAGES]
    assert alone == pytest.approx(scores, abs=1e-6)


def test_the_question_counts(reranker: Reranker) -> None:
    assert reranker.scores("pump blocked", PASSAGES) != pytest.approx(reranker.scores(QUESTION, PASSAGES))


def test_nothing_to_read_is_nothing_to_score(reranker: Reranker) -> None:
    assert reranker.scores(QUESTION, []) == []


def test_many_threads_get_what_one_gets(reranker: Reranker) -> None:
    expected = reranker.scores(QUESTION, PASSAGES)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: reranker.scores(QUESTION, PASSAGES), range(12)):
            assert found == pytest.approx(expected, abs=1e-6)


def test_what_does_not_fit_is_cut_off(folder: Path, make_settings: Callable[..., Settings]) -> None:
    reranker = plugins.reranker(settings=make_settings(models={"reranker": str(folder)}))
    assert reranker is not None
    long = "five days " * 2 * WINDOW
    whole, longer = reranker.scores(QUESTION, [long, long + "the pump is blocked"])
    assert whole == pytest.approx(longer)
    assert reranker.scores("leave " * 2 * WINDOW, [long]) != []


def test_builtin_and_none_need_no_reranker(make_settings: Callable[..., Settings]) -> None:
    for name, depth in (("builtin", 40), ("none", 0), ("None", 0)):
        settings = make_settings(models={"reranker": name}, retrieval={"rerank_depth": 40})
        assert plugins.reranker(settings=settings) is None
        assert settings.searching.rerank_depth == depth
        assert settings.retrieval.rerank_depth == 40


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("buildin", "did you mean 'builtin'"),
        ("", r"unknown reranker .*Known: builtin, none; or a folder of a CrossEncoder"),
        (f"{__name__}:missing", "has no 'missing'"),
        (f"{__name__}:PASSAGES", "not a function"),
        ("grounding.settings:Settings.model_validate", "returned a Settings without scores"),
    ],
)
def test_a_name_that_leads_nowhere_is_told_at_once(
    name: str, said: str, make_settings: Callable[..., Settings]
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        plugins.reranker(settings=make_settings(models={"reranker": name}))


def test_a_folder_without_a_model_is_told_at_first_use(tmp_path: Path, make_settings: Callable[..., Settings]) -> None:
    (tmp_path / "empty").mkdir()
    _fails(tmp_path / "empty", "is not a sentence-transformers CrossEncoder", make_settings)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text('{"model_type": "no-such-type"}', "utf-8")
    _fails(tmp_path / "broken", "cannot open", make_settings)
    _fails(save_cross_encoder(tmp_path / "classes", outputs=3), "has 3 outputs", make_settings)
    _fails("organisation/no-such-model", "hf download organisation/no-such-model .*or use 'builtin'", make_settings)


def _fails(name: Path | str, said: str, make_settings: Callable[..., Settings]) -> None:
    reranker = plugins.reranker(settings=make_settings(models={"reranker": str(name)}))
    assert reranker is not None
    with pytest.raises(ModelError, match=said):
        reranker.scores(QUESTION, PASSAGES)
