"""PDFs made on the spot: as their format has it, by hand, so that no reader has to agree with the writer of its library."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from io import BytesIO


def pdf_of(pages: Sequence[str | None], *, title: str = "", packed: bool = False) -> bytes:
    """A PDF with a page for each text (latin-1, a line a line); None is a page with only an image, as scanners make them."""
    return pdf_with(
        [_text(page) if page is not None else b"q 100 0 0 100 0 0 cm /Im1 Do Q" for page in pages], title, packed
    )


def pdf_with(contents: Sequence[bytes], title: str = "", packed: bool = False) -> bytes:
    """The same, with each page's content stream given. packed: deflated."""
    count = len(contents)
    kids = " ".join(f"{10 + 2 * place} 0 R" for place in range(count))
    objects: dict[int, bytes] = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        4: b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>\n"
        b"stream\n\x80\nendstream",
        5: f"<< /Title ({title}) >>".encode("latin-1"),
    }
    for place, content in enumerate(contents):
        data = zlib.compress(content, 9) if packed else content
        coding = b" /Filter /FlateDecode" if packed else b""
        objects[10 + 2 * place] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {11 + 2 * place} 0 R "
            "/Resources << /Font << /F1 3 0 R >> /XObject << /Im1 4 0 R >> >> >>"
        ).encode()
        objects[11 + 2 * place] = b"<< /Length %d%b >>\nstream\n%b\nendstream" % (len(data), coding, data)
    return _file(objects)


def encrypted(data: bytes, password: str, algorithm: str) -> bytes:
    """`data` under a password that its reader has to give (empty: only what may be done with it is restricted)."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(BytesIO(data)))
    writer.encrypt(password, "the owner's", algorithm=algorithm)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _text(page: str) -> bytes:
    lines = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in page.split("\n")]
    shown = "".join(f"({line}) Tj 0 -14 Td " for line in lines)
    return f"BT /F1 12 Tf 72 720 Td {shown}ET".encode("cp1252")


def _file(objects: dict[int, bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places: dict[int, int] = {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    size = max(objects) + 1
    out += b"xref\n0 %d\n" % size
    for number in range(size):
        out += b"%010d %05d %b \n" % (
            places.get(number, 0),
            0 if number in places else 65535,
            b"n" if number in places else b"f",
        )
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    return bytes(out)
