"""Bytes of pages to text."""

from __future__ import annotations

import pytest

from hyperinfer.nodes.tools.documents.charsets import decoded, is_binary

META = b'<!doctype html><html><head><meta charset="%b"></head>'


@pytest.mark.parametrize(
    ("data", "declared", "text"),
    [
        (b"", None, ""),
        ("grün".encode(), None, "grün"),
        ("grün".encode(), "utf-8", "grün"),
        ("grün".encode("latin-1"), None, "grün"),
        ("grün".encode("latin-1"), "ISO-8859-1", "grün"),
        # The web says latin-1 and means what Windows had.
        (b"\x93x\x94 \x80", "iso-8859-1", "“x” €"),
        (b"\x93x\x94", "us-ascii", "“x”"),
        ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
        ("Привет".encode("cp1251"), "windows-1251", "Привет"),
        ("日本".encode("shift_jis"), "Shift_JIS", "日本"),
        ("日本".encode("euc_jp"), "x-euc-jp", "日本"),
        ("中文".encode("gbk"), "gb2312", "中文"),
        ("한국".encode("cp949"), "ks_c_5601-1987", "한국"),
        # A mark at the start is believed before the server is.
        (b"\xef\xbb\xbfgr\xc3\xbcn", "iso-8859-1", "grün"),
        ("\ufeffgrün".encode("utf-16-le"), "utf-8", "grün"),
        ("\ufeffgrün".encode("utf-16-be"), None, "grün"),
        # The server before the page, the page before a guess.
        (META % b"koi8-r" + "grün".encode(), "utf-8", (META % b"koi8-r").decode() + "grün"),
        (META % b"koi8-r" + "Привет".encode("koi8-r"), None, (META % b"koi8-r").decode() + "Привет"),
        (
            b'<?xml version="1.0" encoding="cp1251"?>' + "я".encode("cp1251"),
            None,
            '<?xml version="1.0" encoding="cp1251"?>я',
        ),
        (META % b"utf-16" + "ü".encode(), None, (META % b"utf-16").decode() + "ü"),
        # What is no charset of pages is not asked of Python.
        (b"uryyb", "rot13", "uryyb"),
        (b"\\x41", "unicode_escape", "\\x41"),
        (b"+AGE-", "utf-7", "+AGE-"),
        (b"x", "zlib", "x"),
        (b"x", "undefined", "x"),
        (b"x", "no such thing", "x"),
        (b"x", "\x00", "x"),
        # Bytes that do not fit are shown as such.
        (b"a\xffb", "utf-8", "a\ufffdb"),
        # Cut off within a character.
        ("grün ü".encode()[:-1], None, "grün \ufffd"),
    ],
)
def test_what_it_says(data: bytes, declared: str | None, text: str) -> None:
    assert decoded(data, declared) == text


def test_what_is_no_text() -> None:
    assert is_binary(b"\x89PNG\r\n\x1a\n\0\0\0")
    assert not is_binary("\ufeffx".encode("utf-16-le"))
    assert not is_binary(b"text")
