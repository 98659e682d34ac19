"""A journal is read up to the first entry that is not whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hyperinfer.api.settlement.effects import Admitted, Done, Entry, Hold, Quarantined, Record, Settled
from hyperinfer.api.settlement.journal_format import entry_bytes, journal_bytes, read_journal

IDS = st.text(max_size=8)
MONEY = st.integers(0, 2**63 - 1)
BYTES = st.binary(max_size=20)
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Admitted, st.builds(Hold, IDS, IDS, MONEY, BYTES)),
    st.builds(Settled, st.builds(Record, IDS, IDS, MONEY, BYTES, st.booleans())),
    st.builds(Done, IDS),
    st.builds(Quarantined, IDS, IDS),
)


@given(st.lists(ENTRIES))
def test_what_is_written_is_read(entries: list[Entry]) -> None:
    data = journal_bytes(entries)
    assert read_journal(data) == (entries, len(data))


@given(st.lists(ENTRIES, min_size=1, max_size=5), st.data())
def test_a_torn_end_costs_only_the_entry_that_is_torn(entries: list[Entry], data: st.DataObject) -> None:
    whole = journal_bytes(entries[:-1])
    last = entry_bytes(entries[-1])
    kept = data.draw(st.integers(0, len(last) - 1))
    assert read_journal(whole + last[:kept]) == (entries[:-1], len(whole))


@given(st.lists(ENTRIES, min_size=1, max_size=5), st.data())
def test_a_changed_byte_is_noticed(entries: list[Entry], data: st.DataObject) -> None:
    written = bytearray(journal_bytes(entries))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))
    read, end = read_journal(bytes(written))
    assert read == entries[: len(read)]
    assert end <= at


@given(st.binary(max_size=200))
def test_noise_is_no_journal_and_no_crash(data: bytes) -> None:
    entries, end = read_journal(data)
    assert journal_bytes(entries) == data[:end] or entries == []
