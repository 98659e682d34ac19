"""The manual as a static site: `make site` writes it into `site/`. Every page that the index leads to, light and dark,
without scripts and without anything from elsewhere.

    python -m tests.project.site [FOLDER]
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib import import_module
from pathlib import Path
from posixpath import relpath
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from tests.project.markdown import heading_name, is_elsewhere
from tests.project.pictures import PAGE as EXAMPLES
from tests.project.pictures import svgs
from tests.project.tree import ROOT

if TYPE_CHECKING:
    from markdown_it.token import Token

# It has no types of its own.
pygments, formatters, lexers = (import_module(f"pygments{part}") for part in ("", ".formatters", ".lexers"))

INDEX = Path("docs/README.md")
STYLE = """\
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --back: #fff; --side: #f6f8fa; --rim: #d1d9e0;
  --link: #0969da; }
@media (prefers-color-scheme: dark) { :root { --ink: #f0f6fc; --soft: #9198a1; --back: #0d1117; --side: #151b23;
  --rim: #3d444d; --link: #4493f8; } }
* { box-sizing: border-box; } body { margin: 0; display: flex; flex-wrap: wrap; color: var(--ink); background: var(--back);
  font: 16px/1.6 system-ui, sans-serif; } a { color: var(--link); }
nav { flex: 1 0 15rem; max-width: 20rem; padding: 1rem 1.5rem; background: var(--side); border-right: 1px solid var(--rim);
  font-size: .9rem; } nav ul { list-style: none; padding: 0; } nav b { color: var(--soft); }
nav [aria-current] { font-weight: 700; }
main { flex: 1 1 40rem; min-width: 0; max-width: 62rem; padding: 1rem 2rem 4rem; }
pre, table { display: block; overflow-x: auto; } pre { padding: .8rem 1rem; background: var(--side); border-radius: 6px; }
code { font: .87em ui-monospace, monospace; }
:not(pre) > code { padding: .1em .3em; background: var(--side); border-radius: 4px; }
table { border-collapse: collapse; } th, td { padding: .35rem .7rem; border: 1px solid var(--rim); vertical-align: top; }
th:empty { padding: 0; border: 0; } img { max-width: 100%; height: auto; } h1, h2, h3 { line-height: 1.25; }
@media (max-width: 60rem) { nav { max-width: none; flex-basis: 100%; order: 2; } main { padding: 1rem; } }
"""


def address(page: Path) -> str:
    """Where a page of the repository lies in the site: a README is its folder's index."""
    return str(page.with_name("index.html") if page.name == "README.md" else page.with_suffix(".html"))


@cache
def tokens(page: Path) -> list[Token]:
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return markdown.parse((ROOT / page).read_text("utf-8"))


def inline(parts: Sequence[Token]) -> Iterator[Token]:
    """All tokens, with those inside of others."""
    for part in parts:
        yield part
        yield from inline(part.children or ())


def target_of(page: Path, link: str) -> Path | None:
    """The file or folder of the repository that a link leads to; None for one of the page itself, or elsewhere."""
    path = link.partition("#")[0]
    if not path or is_elsewhere(link):
        return None
    return ((ROOT / page).parent / path).resolve().relative_to(ROOT)


def links(page: Path) -> Iterator[Path]:
    for token in inline(tokens(page)):
        for name in ("href", "src"):
            if isinstance(link := token.attrs.get(name), str) and (found := target_of(page, link)) is not None:
                yield found


def reached() -> tuple[list[Path], list[Path]]:
    """The pages that the index leads to, and the other files."""
    pages, files, new = set[Path](), set[Path](), {INDEX, Path("README.md")}
    while new:
        pages |= new
        found = {target for page in new for target in links(page)}
        files |= {target for target in found if target.suffix != ".md" and (ROOT / target).is_file()}
        new = {target for target in found if target.suffix == ".md"} - pages
    return sorted(pages), sorted(files)


def body(page: Path) -> tuple[str, str]:
    """The title of a page, and the page as HTML."""
    parts = tokens(page)
    seen: dict[str, int] = {}
    title = page.stem
    for place, token in enumerate(parts):
        if token.type == "heading_open":
            shown = "".join(child.content for child in parts[place + 1].children or ())
            name = heading_name(shown)
            token.attrs["id"] = f"{name}-{seen[name]}" if name in seen else name
            seen[name] = seen.get(name, 0) + 1
            title = shown if token.tag == "h1" else title
    for token in inline(parts):
        for name in ("href", "src"):
            link = token.attrs.get(name)
            if isinstance(link, str) and (target := target_of(page, link)) is not None:
                token.attrs[name] = rewritten(page, target, link)
    pictures = charts(page)
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table"])

    def fence(_: Any, them: Sequence[Token], at: int, *rest: Any) -> str:
        return next(pictures, "") if them[at].info == "mermaid" else block(them[at])

    renderer.add_render_rule("fence", fence)
    return title, renderer.renderer.render(parts, renderer.options, {})


def charts(page: Path) -> Iterator[str]:
    """What stands in the place of a page's Mermaid, chart by chart: the same as SVG."""
    if ROOT / page == EXAMPLES:
        drawn = svgs()
        for name in re.findall(r"<!-- picture: (\w+) -->", EXAMPLES.read_text("utf-8")):
            yield drawn[name]
    elif (ROOT / page.with_suffix(".svg")).exists():
        yield f'<img src="{page.stem}.svg" alt="{escape(page.stem)}">\n'


def rewritten(page: Path, target: Path, link: str) -> str:
    """The same link, in the site."""
    anchor = f"#{link.partition('#')[2]}" if "#" in link else ""
    here = Path(address(page)).parent
    if target.suffix == ".md":
        return relpath(address(target), here) + anchor
    # A folder is not listed in the site: its first page stands for it, or else the index.
    inside = target / "README.md"
    there = str(target) if (ROOT / target).is_file() else address(inside if (ROOT / inside).exists() else INDEX)
    return relpath(there, here)


def block(token: Token) -> str:
    """A block of code."""
    language = (token.info.split() or ["text"])[0]
    try:
        lexer = lexers.get_lexer_by_name(language)
    except ValueError:
        return f"<pre><code>{escape(token.content)}</code></pre>\n"
    html = pygments.highlight(token.content, lexer, formatters.HtmlFormatter(nowrap=True))
    return f'<pre class="code"><code>{html}</code></pre>\n'


def navigation(page: Path) -> str:
    """The index as a list: its headings, and the first link of each row."""
    here = Path(address(page)).parent
    lines = [f'<nav><a href="{relpath(address(INDEX), here)}"><b>HyperInfer</b></a>']
    text = (ROOT / INDEX).read_text("utf-8")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, rows = section.partition("\n")
        lines.append(f"<p><b>{escape(heading)}</b></p><ul>")
        for link in dict.fromkeys(re.findall(r"\]\(([^)#]+\.md)\)", rows)):
            target = target_of(INDEX, link)
            assert target is not None
            current = ' aria-current="page"' if target == page else ""
            lines.append(f'<li><a href="{relpath(address(target), here)}"{current}>{escape(body_title(target))}</a></li>')
        lines.append("</ul>")
    return "\n".join([*lines, "</nav>"])


@cache
def body_title(page: Path) -> str:
    return next((line[2:] for line in (ROOT / page).read_text("utf-8").splitlines() if line.startswith("# ")), page.stem)


def style() -> str:
    """Ours, and the colours of code in light and dark."""
    light, dark = (formatters.HtmlFormatter(style=name).get_style_defs(".code") for name in ("default", "github-dark"))
    return f"{STYLE}{light}\n@media (prefers-color-scheme: dark) {{ {dark} .code {{ background: var(--side); }} }}\n"


def build(folder: Path) -> list[str]:
    """Writes the site; the addresses of its pages."""
    pages, files = reached()
    for page in pages:
        title, html = body(page)
        there = folder / address(page)
        there.parent.mkdir(parents=True, exist_ok=True)
        here = Path(address(page)).parent
        document: dict[str, Any] = {
            "title": escape(title),
            "style": relpath("style.css", here),
            "navigation": navigation(page),
            "html": html,
        }
        there.write_text(PAGE.format_map(document), "utf-8")
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, folder / file)
    (folder / "style.css").write_text(style(), "utf-8")
    return [address(page) for page in pages]


PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="stylesheet" href="{style}">
{navigation}
<main>
{html}</main>
</html>
"""

if __name__ == "__main__":
    into = Path(sys.argv[1] if len(sys.argv) > 1 else "site")
    written = build(into)
    print(f"{len(written)} pages: {into / address(INDEX)}")
