"""Which passwords are refused: common ones, and ones made of what everybody knows of the account.

NIST SP 800-63B and ASVS 5 (6.2): 8 to 128 characters of any kind, spaces too, and no rules of composition. Length is
counted and hashes are made of the NFKC form, in which two keyboards' spellings of one password are the same. Nothing is
cut off or trimmed.

`common_passwords.txt` holds those of at least 8 characters from two public lists of passwords by frequency (the ones in
zxcvbn 4.5 and in Django 5.2), folded and sorted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PRODUCT = "tandem"
COMMON = Path(__file__).with_name("common_passwords.txt")

# Shorter words are parts of too many good passwords.
MIN_WORD = 4
# What may be left beside known words: "2024!" behind a name protects nothing.
MOST_BESIDE = 5

IS_COMMON = "This password is among the most common ones; choose another."
IS_OBVIOUS = (
    "This password is made of your name, your login or the organization's name; choose another."
)


def normalized(password: str) -> str:
    """The form that is counted, checked and hashed."""
    return unicodedata.normalize("NFKC", password)


def folded(text: str) -> str:
    """The form in which passwords and words are compared here."""
    return unicodedata.normalize("NFKC", text).casefold()


@cache
def common_passwords() -> frozenset[str]:
    """The list, folded."""
    return frozenset(COMMON.read_text(encoding="utf-8").splitlines())


def weakness_of(password: str, context: Iterable[str | None] = ()) -> str | None:
    """Why a password is refused, for people to read; None when it is not.

    `context` is what is known of the account: names, login, the organization's name.
    """
    candidate = folded(password)
    if candidate in common_passwords() or not candidate.strip():
        return IS_COMMON
    if is_made_of(candidate, known_words(context)):
        return IS_OBVIOUS
    return None


def known_words(context: Iterable[str | None]) -> list[str]:
    """The words of a context, the longest first; of an e-mail address also the part before the `@`."""
    whole = [folded(text) for text in (PRODUCT, *context) if text]
    parts = [part for text in whole for part in re.split(r"[\W_]+", text)]
    joined = ["".join(re.split(r"[\W_]+", text)) for text in whole]
    local = [text.partition("@")[0] for text in whole]
    words = {word for word in (*whole, *parts, *joined, *local) if len(word) >= MIN_WORD}
    return sorted(words, key=lambda word: (-len(word), word))


def is_made_of(candidate: str, words: Iterable[str]) -> bool:
    """Whether hardly anything is left of a folded password without the known words."""
    left = candidate
    for word in words:
        left = left.replace(word, "")
    return left != candidate and len(left) <= MOST_BESIDE
