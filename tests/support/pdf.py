"""Small PDF files, written by hand: one line of text per page."""

from collections.abc import Sequence


def make_pdf(*pages: str) -> bytes:
    """A PDF with these lines, one to a page; an empty one gives a page without text."""
    font = 3
    numbers = [font + 1 + 2 * place for place in range(len(pages))]
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Kids [{' '.join(f'{n} 0 R' for n in numbers)}] /Count {len(pages)} >>".encode(),
        font: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    }
    for number, line in zip(numbers, pages, strict=True):
        drawn = f"BT /F1 12 Tf 72 720 Td ({line}) Tj ET".encode() if line else b""
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {number + 1} 0 R"
            f" /Resources << /Font << /F1 {font} 0 R >> >> >>"
        ).encode()
        objects[number + 1] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn)
    return _written([objects[number] for number in sorted(objects)])


def _written(objects: Sequence[bytes]) -> bytes:
    text = b"%PDF-1.4\n"
    places: list[int] = []
    for number, content in enumerate(objects, 1):
        places.append(len(text))
        text += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return text + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(text))
    )
