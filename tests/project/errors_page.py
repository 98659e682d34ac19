"""docs/errors.md: its part about codes, from what the gateway explains. `python -m tests.project.errors_page` writes it."""

from __future__ import annotations

from typing import Final

from hyperinfer.api.explained import EXPLAINED, Explanation
from hyperinfer.formats.errors import anthropic_error_type, openai_error_type
from tests.project.tree import ROOT

PAGE: Final = ROOT / "docs" / "errors.md"
BEGIN: Final = "<!-- made from api/explained/codes.py by `python -m tests.project.errors_page` -->\n"
END: Final = "<!-- end -->\n"


def made() -> str:
    """The table, and a section for each."""
    rows = [
        f"| [`{each.code}`](#{each.anchor}) | {each.status} | `{openai_error_type(each.status)}`"
        f" | `{anthropic_error_type(each.status)}` |"
        f" {each.fault} | {each.again.partition(':')[0].partition(',')[0].rstrip('.')} |"
        for each in EXPLAINED
    ]
    head = "| code | status | `type`, OpenAI | `type`, Anthropic | whose fault | again? |\n|---|---|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n\n" + "\n".join(map(_section, EXPLAINED))


def _section(each: Explanation) -> str:
    return (
        f"### {each.code.replace('_', '-')} {each.status}\n\n{each.meaning}\n\n- Who calls: {each.caller}\n"
        f"- Who runs the gateway: {each.operator}\n- Again? {each.again}\n"
    )


def kept() -> str:
    """What stands on the page."""
    text = PAGE.read_text("utf-8")
    return text.partition(BEGIN)[2].partition(END)[0]


def write() -> None:
    """Puts it on the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{made()}{END}{after}", "utf-8")


if __name__ == "__main__":
    write()
