"""Every code block of the pages is run, or compared, by a test, or says why it is not (`blocks.py`)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.project.blocks import ANY, NOT_RUN, Block, blocks_of, pages, parsed
from tests.project.tree import ROOT, python_files

TAKERS = ("blocks", "named", "examples")
"""The functions that give a test its blocks: page, then kinds. `examples` takes two kinds."""
EXAMPLES = ("example", "output")
HERE = Path(__file__)


@dataclass(frozen=True)
class Claim:
    """A test takes the blocks of a kind."""

    test: str
    page: str
    kind: str

    def takes(self, block: Block) -> bool:
        return self.page in (block.page, ANY) and self.kind == block.kind


def claims_in(test: str, source: str) -> Iterator[Claim]:
    """The claims of one file of tests. Pages and kinds are literals, or names of the file that stand for one."""
    tree = ast.parse(source)
    constants = {"ANY": ANY}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(value))):
                constants[name] = value
            case _:
                pass
    for call in ast.walk(tree):
        match call:
            case ast.Call(func=ast.Name(id=taker), args=args) if taker in TAKERS and args:
                words = [_word(argument, constants) for argument in args]
                assert all(words), f"{test}:{call.lineno}: {taker}() is to be called with literals"
                page, *kinds = [word for word in words if word]
                for kind in kinds or EXAMPLES:
                    yield Claim(test, page, kind)
            case _:
                pass


def _word(argument: ast.expr, constants: dict[str, str]) -> str | None:
    match argument:
        case ast.Constant(value=str(value)):
            return value
        case ast.Name(id=name):
            return constants.get(name)
        case _:
            return None


@cache
def claims() -> tuple[Claim, ...]:
    sources = [file for file in python_files("tests") if file != HERE and file.name not in ("blocks.py", "examples.py")]
    read = {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in sources}
    return tuple(claim for test, text in read.items() if "tests.project." in text for claim in claims_in(test, text))


@pytest.mark.parametrize("page", pages())
def test_each_block_is_taken_by_a_test_or_says_why_not(page: str) -> None:
    for block in blocks_of(page):
        language, _, why = block.kind.partition(f" {NOT_RUN}")
        if why:
            assert len(why.split()) >= 3, f"{block.place}: `{language} {NOT_RUN}` says why, in words"
            for test in re.findall(r"tests/[\w/]+(?:\.py)?", why):
                assert (ROOT / test).exists(), f"{block.place}: there is no {test}"
        else:
            assert any(claim.takes(block) for claim in claims()), (
                f"{block.place}: no test takes this block, `{block.kind}`: mark it as one that is run (`sh run`), or"
                f" `{language} {NOT_RUN} WHY` (tests/project/blocks.py)"
            )


def test_each_claim_takes_a_block() -> None:
    every = [block for page in pages() for block in blocks_of(page)]
    idle = [claim for claim in claims() if not any(claim.takes(block) for block in every)]
    assert not [claim for claim in idle if claim.kind != "output"]  # not every example shows what it prints


def test_names_are_given_once() -> None:
    for page in pages():
        names = [(block.kind, block.name) for block in blocks_of(page) if block.name]
        assert len(names) == len(set(names)), page


def test_a_block_is_read_as_it_stands() -> None:
    text = "Words\n\n<!-- file: a.py -->\n```python\nx = 1\n```\n\n- list\n\n  ```sh not-run: it has no end\n  cat\n  ```\n"
    file, listed = parsed("p.md", text)
    assert (file.kind, file.name, file.language, file.line, file.text) == ("file", "a.py", "python", 4, "x = 1\n")
    assert (listed.kind, listed.text) == ("sh not-run: it has no end", "cat\n")
    with pytest.raises(AssertionError, match=r"p.md:1: a block without an end"):
        parsed("p.md", "```sh\n")


def test_a_claim_is_found_where_it_is_made() -> None:
    source = 'PAGE = "docs/x.md"\n\ndef test():\n    blocks(PAGE, "sh", "sh server")\n    examples("y.md")\n'
    assert list(claims_in("t.py", source)) == [
        Claim("t.py", "docs/x.md", "sh"),
        Claim("t.py", "docs/x.md", "sh server"),
        Claim("t.py", "y.md", "example"),
        Claim("t.py", "y.md", "output"),
    ]
    with pytest.raises(AssertionError, match=r"t.py:1: blocks\(\) is to be called with literals"):
        list(claims_in("t.py", "blocks(page)\n"))
