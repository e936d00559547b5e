"""What fuzzy matching accepts has something in common by which it is found."""

from hypothesis import example, given, settings, strategies as st

from gateway.catalog import words
from gateway.dicom import fuzzy, wildcards

LETTERS = "abcdehijmnorsty"
WORD = st.text(LETTERS, min_size=1, max_size=14)
ANY = st.text(st.sampled_from(LETTERS + "éÄß張ñ^ -'=.,/_\t*?Ł\u0301"), max_size=24)


@st.composite
def pair(draw):
    """A word and one a few edits away from it."""
    word = draw(WORD)
    other = list(word)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(other)))
        kind = draw(st.sampled_from(["insert", "delete", "replace", "swap"]))
        letter = draw(st.sampled_from(LETTERS))
        if kind == "insert":
            other.insert(place, letter)
        elif place < len(other):
            if kind == "delete":
                del other[place]
            elif kind == "replace":
                other[place] = letter
            elif place + 1 < len(other):
                other[place : place + 2] = other[place + 1], other[place]
    return word, "".join(other)


def found(asked, stored):
    """Whether a lookup of ``asked`` finds the stored word."""
    lookup = words.lookup(asked)
    return (
        stored.startswith(lookup.prefix)
        or not lookup.variants.isdisjoint(words.variants(stored))
        or (lookup.sound != "" and lookup.sound == words.sound(stored))
    )


@settings(max_examples=1_000)
@given(pair())
@example(("meier", "mayer"))
@example(("katherine", "catharine"))
@example(("abcdefgh", "bacdefhg"))
@example(("abcdefghijk", "zabcdefghij"))
@example(("abcdefghijk", "cabdefghijk"))
def test_a_word_that_is_close_is_found(pair):
    for asked, stored in (pair, pair[::-1]):
        if asked and stored and fuzzy.close_to(asked)(stored):
            assert found(asked, stored)


def test_lookups_tell_words_apart():
    stored = ["smith", "smythe", "schmidt", "doe", "johnson", "johnsen", "yohnson", "miller"]
    assert [one for one in stored if found("johnson", one)] == ["johnson", "johnsen", "yohnson"]
    assert not found("doe", "joe")


def test_variants_are_bounded():
    assert len(words.variants("abcdefghijklmnopqrstuvwxyz" * 4)) <= 37
    assert words.variants("abc") == words.variants("=abcdef") == frozenset()
    assert words.variants("abcd") == {"abcd", "bcd", "acd", "abd", "abc"}


@st.composite
def named(draw):
    """A name, and a key that may be close to it: some of its words, changed, in another order."""
    pairs = draw(st.lists(pair(), min_size=1, max_size=4))
    name = draw(st.sampled_from("^= -")).join(stored for _, stored in pairs)
    kept = draw(st.permutations(pairs))[: draw(st.integers(1, 4))]
    words_of_key = [draw(st.sampled_from(one)) for one in kept]
    return draw(st.sampled_from(["^", " ", ""])).join(words_of_key), name


@settings(max_examples=1_000)
@given(st.tuples(ANY, ANY) | named())
@example(("doejohn", "Doe^John"))
@example(("doe john", "doejohn=x"))
@example(("山田太郎", "Yamada^Tarou=山田^太郎"))
@example(("O'Brien", "OBrien^Pat"))
def test_a_name_that_matches_is_found_by_its_words(names):
    """A key whose words are no patterns: literally, by each of its words, or written together."""
    key, name = names
    wanted = fuzzy.key_words(key)
    if not wanted or any(map(wildcards.is_pattern, wanted)) or "*" in key:
        return
    stored = words.of(name)
    if fuzzy.fuzzy(key)(name):
        by_words = all(any(found(word, one) for one in stored) for word in wanted)
        together = any(one.startswith(words.joined(key)) for one in stored)
        literal = words.folded(name) == words.folded(key) or not stored
        assert by_words or together or literal


def test_the_words_of_a_name():
    assert words.of("Dóe-Smith^John^^Dr.=山田^太郎") == (
        *("doe", "smith", "john", "dr", "=doesmithjohndr"),
        *("山田", "太郎", "=山田太郎"),
    )
    assert words.of("DOE") == ("doe",)
    assert words.of("") == words.of("^^=") == ()
    assert words.folded(" Dóe ^John^^=") == "doe^john="
