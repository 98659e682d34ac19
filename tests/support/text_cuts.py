"""Ways in which a text may come: cut anywhere, with empty pieces."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st


def pieces_of(text: str) -> st.SearchStrategy[list[str]]:
    """Lists of strings that make up `text`."""
    places = st.lists(st.integers(0, len(text)), max_size=8).map(lambda cuts: [0, *sorted(cuts), len(text)])
    return places.map(lambda cuts: [text[a:b] for a, b in itertools.pairwise(cuts)])
