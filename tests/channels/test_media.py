"""What files really are, and what they may be served as."""

import io
import struct
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.media import SAFE_TYPES, UNKNOWN, clean_file_name, is_inline, sniff
from tests.channels.mutations import mutated_bytes
from tests.fuzz import fuzz_settings


def make_png() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def make_zip() -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("word/document.xml", "<w:document/>")
        return file.getvalue()


def make_box(brand: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + b"\x00\x00\x02\x00" + brand + b"isom" + bytes(40)


JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + bytes(20) + b"\xff\xd9"
PDF = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\ntrailer\n<< >>\n%%EOF\n"
OGG = b"OggS\x00\x02" + bytes(22) + b"OpusHead" + bytes(20)
WEBM = b"\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1fB\x86\x81\x01B\x82\x84webm" + bytes(20)
REAL = [
    (make_png(), "a.png", "image/png"),
    (JPEG, "a.jpg", "image/jpeg"),
    (b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", "a.gif", "image/gif"),
    (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(20), "a.webp", "image/webp"),
    (b"BM" + bytes(60), "a.bmp", "image/bmp"),
    (make_box(b"heic"), "a.heic", "image/heif"),
    (PDF, "a.pdf", "application/pdf"),
    (OGG, "a.ogg", "audio/ogg"),
    (b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(40), "a.mp3", "audio/mpeg"),
    (b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(20), "a.wav", "audio/wav"),
    (b"#!AMR\n" + bytes(20), "a.amr", "audio/amr"),
    (make_box(b"mp42"), "a.mp4", "video/mp4"),
    (WEBM, "a.webm", "video/webm"),
    ("Größe: 4 < 5, 7 > 6\n".encode(), "a.txt", "text/plain"),
]
HOSTILE = [
    b"<html><script>alert(1)</script></html>",
    b"<!DOCTYPE html><body onload=alert(1)>",
    b"\xef\xbb\xbf  \n<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
    b"hello <script src=//evil.example.com></script>",
    b"hello </title><img src=x onerror=alert(1)>",
    b"<a href='javascript:alert(1)'>x</a>",
]


@pytest.mark.parametrize(("content", "name", "content_type"), REAL)
def test_a_file_is_served_as_what_it_is(content: bytes, name: str, content_type: str) -> None:
    assert sniff(content, name, content_type) == content_type


# A bitmap's signature is too weak to stand alone, a text has none, and pictures and films share a container.
@pytest.mark.parametrize(
    ("content", "content_type"),
    [(case[0], case[2]) for case in REAL if case[2] not in {"image/bmp", "image/heif", "text/plain"}],
)
@pytest.mark.parametrize("claim", ["text/html", "image/svg+xml", "application/zip", "image/tiff", ""])
def test_a_wrong_claim_about_a_file_changes_nothing(content: bytes, content_type: str, claim: str) -> None:
    assert sniff(content, "page.html", claim) == content_type


@pytest.mark.parametrize(
    "text", ["1 < 2 > 0", "if a < b then c", "mail <alice@example.com>", "see <https://example.com/help>"]
)
def test_angle_brackets_alone_do_not_make_a_text_markup(text: str) -> None:
    assert sniff(text.encode(), "notes.txt", "text/plain") == "text/plain"


@pytest.mark.parametrize("content", HOSTILE)
@pytest.mark.parametrize("claim", ["text/html", "image/svg+xml", "text/xml", "image/png", "text/plain", "", "nonsense"])
@pytest.mark.parametrize("name", ["page.html", "picture.svg", "picture.png", "notes.txt", ""])
def test_markup_is_only_offered_for_download_whatever_it_is_called(content: bytes, claim: str, name: str) -> None:
    assert sniff(content, name, claim) == UNKNOWN


@pytest.mark.parametrize(
    ("name", "claim"), [("a.js", "text/plain"), ("a.txt", "text/javascript"), ("a.mjs", ""), ("a.html", "text/plain")]
)
def test_text_that_is_called_a_script_is_only_offered_for_download(name: str, claim: str) -> None:
    assert sniff(b"alert(1)", name, claim) == UNKNOWN


@pytest.mark.parametrize(
    ("content", "claim"),
    [
        (make_zip(), "application/zip"),
        (make_zip(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (make_zip(), "image/png"),
        (b"MZ\x90\x00" + bytes(80), "application/pdf"),
        (b"\x7fELF" + bytes(80), "image/jpeg"),
        (b"", "image/png"),
        (b"\x00\x01\x02", "text/plain"),
        ("Grüße".encode("latin-1"), "text/plain"),
    ],
)
def test_what_we_are_not_sure_of_is_only_offered_for_download(content: bytes, claim: str) -> None:
    assert sniff(content, "file", claim) == UNKNOWN


def test_a_text_that_begins_like_a_bitmap_stays_a_text() -> None:
    assert sniff(b"BMW is late with my car\n", "notes.txt", "text/plain") == "text/plain"


@pytest.mark.parametrize("length", [64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 20 * 1024 * 1024])
def test_a_long_text_is_judged_by_its_beginning_even_where_that_ends_within_a_character(length: int) -> None:
    assert sniff(b"x" + "ü".encode() * (length // 2), "notes.txt", "text/plain") == "text/plain"


def test_a_text_that_itself_ends_within_a_character_is_not_one_that_we_know() -> None:
    assert sniff("ü".encode()[:1], "notes.txt", "text/plain") == UNKNOWN


@pytest.mark.parametrize(
    ("content", "claim", "served"),
    [
        (make_box(b"M4A "), "audio/mp4", "audio/mp4"),
        (make_box(b"mp42"), "audio/mp4", "audio/mp4"),
        (OGG, "audio/ogg; codecs=opus", "audio/ogg"),
        (OGG, "video/ogg", "video/ogg"),
        (WEBM, "audio/webm", "audio/webm"),
        (make_box(b"heic"), "image/heic", "image/heif"),
    ],
)
def test_the_sender_says_whether_a_container_holds_sound_or_film(content: bytes, claim: str, served: str) -> None:
    assert sniff(content, "file", claim) == served


@pytest.mark.parametrize(
    ("content_type", "inline"),
    [
        ("image/png", True),
        ("audio/ogg", True),
        ("video/mp4", True),
        ("text/plain", True),
        ("application/pdf", False),
        (UNKNOWN, False),
        ("image/svg+xml", False),
        ("text/html", False),
    ],
)
def test_only_what_can_do_no_harm_is_shown_in_the_page(content_type: str, inline: bool) -> None:
    assert is_inline(content_type) is inline


def test_nothing_that_can_hold_a_script_is_among_the_safe_types() -> None:
    assert not [name for name in SAFE_TYPES if any(word in name for word in ("html", "svg", "xml", "script", "json"))]


@fuzz_settings
@given(st.binary(max_size=400), st.text(max_size=30), st.text(max_size=30) | st.sampled_from(sorted(SAFE_TYPES)))
def test_any_bytes_are_served_as_something_safe(content: bytes, name: str, claim: str) -> None:
    assert sniff(content, name, claim) in SAFE_TYPES


@fuzz_settings
@given(
    mutated_bytes([*(case[0] for case in REAL), *HOSTILE]),
    st.sampled_from([case[1] for case in REAL] + ["page.html", ""]),
    st.sampled_from([*sorted(SAFE_TYPES), "text/html", "image/svg+xml", ""]),
)
def test_damaged_files_are_served_as_something_safe(content: bytes, name: str, claim: str) -> None:
    served = sniff(content, name, claim)
    assert served in SAFE_TYPES
    assert not (served == "text/plain" and b"<script" in content.lower())


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\alice\\photo.jpg", "photo.jpg"),
        ("a\x00b\r\n.txt", "ab.txt"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("Rechnung März.pdf", "Rechnung März.pdf"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
        ("\ud800", "file"),
    ],
)
def test_a_file_name_keeps_no_path_and_nothing_invisible(name: str, cleaned: str) -> None:
    assert clean_file_name(name, "file") == cleaned


def test_a_long_file_name_keeps_its_suffix() -> None:
    cleaned = clean_file_name("x" * 500 + ".pdf", "file")
    assert len(cleaned) == 200
    assert cleaned.endswith(".pdf")


@fuzz_settings
@given(st.text(st.characters(), max_size=300))
def test_any_file_name_becomes_one_that_can_be_written_down(name: str) -> None:
    cleaned = clean_file_name(name, "file")
    assert 0 < len(cleaned) <= 200
    assert "/" not in cleaned
    assert cleaned.encode()
