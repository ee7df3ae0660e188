"""Rebuild corpus.jsonl from ../handbook (standard library only).

Run it after a handbook file has changed. With --check it writes nothing and
fails when corpus.jsonl is out of date or qrels.tsv names an unknown id.
"""

import csv
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

HERE = Path(__file__).resolve().parent
HANDBOOK = HERE.parent / "handbook"


class MainText(HTMLParser):
    """The text of <main>, one line per block, table cells joined by ' | '."""

    def __init__(self):
        super().__init__()
        self.out, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        if tag == "main":
            self.inside = True

    def handle_endtag(self, tag):
        if tag == "main":
            self.inside = False
        elif tag in ("td", "th"):
            self.out.append(" | ")
        elif tag in ("h1", "h2", "h3", "p", "li", "tr", "caption"):
            self.out.append("\n")

    def handle_data(self, data):
        if self.inside and data.strip():
            self.out.append(re.sub(r"\s+", " ", data))


def tidy(lines):
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip(" |") for line in lines)).strip()


def markdown(source):
    lines = [s for s in source.splitlines() if not re.fullmatch(r"\|[-| :]+\|", s)]
    return tidy(re.sub(r"\*\*|`", "", re.sub(r"^(#+|>) ", "", s)) for s in lines)


def html(source):
    parser = MainText()
    parser.feed(source)
    return tidy(s for s in "".join(parser.out).splitlines() if s.strip(" |"))


def records(path):
    name = path.relative_to(HANDBOOK).as_posix()
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        for row in csv.DictReader(source.splitlines()):
            first, *_ = row.values()
            title = row.get("name") or f"{row['department']}, {row['site']}: {row['contact']}"
            text = "\n".join(f"{key}: {value}" for key, value in row.items())
            yield {"_id": f"{name}#{first}", "title": title, "text": text}
    elif path.suffix == ".jsonl":
        for row in map(json.loads, source.splitlines()):
            yield {"_id": f"{name}#{row['id']}", "title": row["title"], "text": row["text"]}
    else:
        reader = {".md": markdown, ".html": html}.get(path.suffix, str.strip)
        title, _, text = reader(source).partition("\n")
        yield {"_id": name, "title": title.strip(), "text": text.strip()}


def main():
    paths = sorted(p for p in HANDBOOK.rglob("*") if p.is_file())
    rows = [row for path in paths for row in records(path)]
    corpus = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    target = HERE / "corpus.jsonl"
    if "--check" not in sys.argv:
        target.write_text(corpus, encoding="utf-8")
        print(f"{len(rows)} records from {len(paths)} files")
        return
    if target.read_text(encoding="utf-8") != corpus:
        sys.exit("corpus.jsonl is out of date")
    known = {row["_id"] for row in rows}
    queries = [json.loads(s)["_id"] for s in (HERE / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    for line in (HERE / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, _ = line.split("\t")
        if query not in queries or document not in known:
            sys.exit(f"qrels.tsv: unknown id in {line!r}")


main()
