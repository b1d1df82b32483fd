"""Writes the gallery of the documentation from a results folder: a page, a picture and the report of each study.

    python -m scripts.gallery HOME

HOME is a results folder in which studies ran at their default protocol: `dlstudy run --all --home HOME`. The newest
results of each study on each data set are taken, and only complete ones.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dlstudy
from dlstudy.analysis.results import StudySummary
from dlstudy.report.blocks import Code, Document, Heading, Table
from dlstudy.report.export import export
from dlstudy.report.formats.markdown import markdown
from dlstudy.report.tables.claims import claims_table
from dlstudy.report.tables.reproduction import command
from dlstudy.store.home import Home
from dlstudy.store.record import Record
from dlstudy.study import loader
from dlstudy.study.variant import Variant

FOLDER = Path(__file__).parents[1] / "docs" / "gallery"
REPORTS = FOLDER / "reports"
SHOWN = ("claim", "verdict", "difference", "95 % interval", "on other rows")

INDEX = """# Gallery

These studies ran at their default protocol on two CPU cores. Each page has the answer, a picture of it, the verdicts,
and the full report, without the pictures that the study draws of its winners.

{entries}

```{{toctree}}
:hidden:

{names}
```
"""


def main() -> None:
    """Writes all pages."""
    home = Home.at(sys.argv[1])
    REPORTS.mkdir(parents=True, exist_ok=True)
    entries = {name_of(summary): write_page(summary) for summary in finished(home)}
    listed = "\n".join(f"- [{name}]({name}.md): {entry}" for name, entry in entries.items())
    (FOLDER / "index.md").write_text(INDEX.format(entries=listed, names="\n".join(entries)), encoding="utf-8")
    print(f"{len(entries)} studies in {FOLDER}")


def finished(home: Home) -> Iterator[StudySummary]:
    """The newest complete results of each study that comes with dlstudy, at its default protocol."""
    record = Record.open(home, None, for_writing=False)
    for name in sorted(set(record.studies()) & set(loader.paths())):
        for generations in record.variants(name).values():
            variant = generations[-1]
            if replace(variant, dataset=None, generation=1) == Variant():
                summary = dlstudy.load(name, str(variant), home.root).summary
                if summary.complete:
                    yield summary


def name_of(summary: StudySummary) -> str:
    """A file's name: of the study, and of its data set where that was chosen."""
    return re.sub(r"\W", "_", f"{summary.study}_{summary.variant.dataset or ''}".strip("_"))


def write_page(summary: StudySummary) -> str:
    """Writes page, picture and report of a study; returns its question."""
    name = name_of(summary)
    (REPORTS / f"{name}.html").write_text(export(summary, "html"), encoding="utf-8")
    (FOLDER / f"{name}.png").write_bytes(export(summary, "card"))
    repeat = command(summary.study, summary.origin, summary.variant, summary.protocol)
    blocks = [Heading("Verdicts"), shown(claims_table(summary)), Heading("How to repeat it"), Code(repeat)]
    page = markdown(Document(name, summary.question, summary.answer, summary.scope, blocks))
    links = (
        f"![{summary.answer}]({name}.png)\n\n[The full report](reports/{name}.html) · "
        f"[the study file](../../studies/{summary.study}.py)\n\n## Verdicts"
    )
    (FOLDER / f"{name}.md").write_text(page.replace("## Verdicts", links, 1), encoding="utf-8")
    return summary.question


def shown(table: Table) -> Table:
    """The columns of a table that a page has room for."""
    kept = [i for i, head in enumerate(table.heads) if head in SHOWN]
    rows = [[row[i] for i in kept] for row in table.rows]
    return Table(table.title, [table.heads[i] for i in kept], rows)


if __name__ == "__main__":
    main()
