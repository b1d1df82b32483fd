"""The report as Markdown and as one self-contained HTML page."""

import base64
import html
from collections.abc import Mapping, Sequence

from dlstudy import catalog
from dlstudy.report.facts import Table, mood, params_text, tables
from dlstudy.report.figures import curves_png
from dlstudy.report.pictures import Picture
from dlstudy.results import StudySummary

__all__ = ["command", "html_page", "markdown"]


def markdown(summary: StudySummary) -> str:
    """The report as Markdown."""
    parts = [f"# {_md(summary.question)}", f"**{_md(summary.answer)}**"]
    parts += [f"> {_md(note)}" for note in summary.notes]
    for table in tables(summary):
        parts += [f"## {table.title}", _md_table(table.heads, table.rows), table.note]
    parts += ["## Remarks", *[f"- {_md(remark)}" for remark in _remarks(summary)]] if _remarks(summary) else []
    parts += ["## How it was made", _md_table(["setting", "value"], _settings(summary)), f"Again: `{command(summary)}`"]
    return "\n\n".join(part for part in parts if part) + "\n"


def html_page(summary: StudySummary, provenance: Mapping[str, str], pictures: Sequence[Picture] = ()) -> str:
    """The report as one HTML file that works offline; every text from a study file is escaped."""
    escape = html.escape
    picture = base64.b64encode(curves_png(summary)).decode()
    names = ", ".join(arm.name for arm in summary.arms)
    body = [f"<h1>{escape(summary.question)}</h1>", f'<p class="answer">{escape(summary.answer)}</p>']
    body += [f'<p class="note">{escape(note)}</p>' for note in summary.notes]
    shown = tables(summary)
    body += [_html_table(table) for table in shown[:1]]
    alt = f"Validation curves by epoch of {names}: mean and range over seeds"
    body += [f'<h2>Training curves</h2><img alt="{escape(alt)}" src="data:image/png;base64,{picture}">']
    body += [_html_table(table) for table in shown[1:]]
    if pictures:
        shown_side_by_side = "".join(map(_figure, pictures))
        body.append(f'<h2>Pictures of the winners (first seed)</h2><div class="pictures">{shown_side_by_side}</div>')
    if _remarks(summary):
        body += ["<h2>Remarks</h2><ul>", *[f"<li>{escape(remark)}</li>" for remark in _remarks(summary)], "</ul>"]
    made = [*_settings(summary), *[[name, value] for name, value in provenance.items()]]
    body += [_html_table(Table("How it was made", ["setting", "value"], made))]
    body += [f"<p>Again: <code>{escape(command(summary))}</code></p>"]
    return _PAGE.format(title=escape(f"{summary.study} · {summary.variant}"), body="\n".join(body))


def _figure(picture: Picture) -> str:
    caption = html.escape(f"{picture.arm}: {picture.title}")
    content = base64.b64encode(picture.path.read_bytes()).decode()
    image = f'<img alt="{caption}" src="data:image/png;base64,{content}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def command(summary: StudySummary) -> str:
    """What to type to make the same again."""
    words = ["dlstudy", "run", summary.study if summary.study in catalog.paths() else f"{summary.study}.py"]
    for part in summary.variant.partition("~")[0].split("+"):
        name, _, value = part.partition("=")
        if name != "default":
            words += [f"--{name}", value] if value else [f"--{name}"]
    return " ".join([*words, "--trials", str(summary.protocol["trials"]), "--seeds", str(summary.protocol["seeds"])])


def _remarks(summary: StudySummary) -> list[str]:
    return [*summary.remarks, *_arm_notes(summary)]


def _arm_notes(summary: StudySummary) -> list[str]:
    return [f"{arm.name}: {note}" for arm in summary.arms for note in arm.notes]


def _settings(summary: StudySummary) -> list[list[str]]:
    protocol = summary.protocol
    rows = [
        [name.replace("_", " "), str(protocol[name])]
        for name in protocol
        if name != "spaces" and protocol[name] is not None
    ]
    rows += [[f"space of {arm}", params_text(space)] for arm, space in protocol["spaces"].items()]
    slots = sorted({trial.result.slot for trial in summary.trials if trial.result and trial.result.slot})
    ways = sorted({trial.result.way for trial in summary.trials if trial.result and trial.result.way})
    return [*rows, ["variant", summary.variant], ["slots", ", ".join(slots)], ["trained as", ", ".join(ways)]]


def _md(text: str) -> str:
    """Text that Markdown must not read as markup."""
    plain = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in plain)


def _md_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell if line[0] == "---" else _md(cell) for cell in line) + " |" for line in lines
    )


def _html_table(table: Table) -> str:
    escape = html.escape
    heads = "".join(f"<th>{escape(head)}</th>" for head in table.heads)
    rows = "\n".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    note = f'<p class="small">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<h2>{escape(table.title)}</h2><div class="wide"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def _cell(text: str) -> str:
    """A cell; a verdict is coloured, and stays a word for those who see no colour."""
    kind = mood(text)
    return f'<span class="{kind}">{html.escape(text)}</span>' if kind else html.escape(text)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.5rem; line-height: 1.25 }}
h2 {{ font-size: 1.1rem; margin-top: 2.2rem }}
.answer {{ font-size: 1.15rem; border-left: 4px solid #0072b2; padding-left: .8rem }}
.note {{ background: #fff6e0; padding: .4rem .8rem; margin: .4rem 0 }}
.small {{ color: #555; font-size: .85rem }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums }}
th, td {{ text-align: left; vertical-align: top; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid #e0e0e0 }}
th {{ border-bottom: 2px solid #999 }}
img {{ max-width: 100% }}
.pictures {{ display: flex; flex-wrap: wrap; gap: 1.2rem }}
figure {{ margin: 0; flex: 1 1 17rem; max-width: 29rem }} figcaption {{ color: #555; font-size: .85rem }}
.good {{ color: #00694a }} .bad {{ color: #a33c00 }} .open {{ color: #555 }}
code {{ background: #f3f3f3; padding: .1rem .3rem }}
@media print {{ body {{ margin: 0; font-size: 12px }} }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
