"""Fuzzy names: words in any order that look or sound alike, and never less than literal names."""

import time

import pytest
from hypothesis import given, settings, strategies as st

from gateway.dicom import fuzzy, names
from gateway.dicom.keys import Modes
from tests.unit.dicom.keyed import meets

HONG = "Hong^Gildong=洪^吉洞=홍^길동"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("Swain", "Swayne^Peter"),
        ("Smith^Mary", "Mary^Smith"),
        ("smith mary", "Smith^Mary^Ann"),
        ("Smith, Mary", "SMITH^MARY"),
        ("mary-ann", "Smith^Mary Ann"),
        ("Meier", "Mayer^Hans"),
        ("Meyer", "Maier"),
        ("Schmidt", "Schmitt^Eva"),
        ("Stephen", "Doe^Steven"),
        ("Philip", "Filip"),
        ("Catherine", "Katherine"),
        ("Mueller", "Müller^Jörg"),
        ("Muller", "MÜLLER"),
        ("Garcia", "Gracía"),
        ("Nguen", "Nguyễn^Văn A"),
        ("Jon", "Doe^John"),
        ("OBrien", "O\u2019Brien^Pat"),
        ("O'Brien", "Obrian"),
        ("Smit", "Smith"),
        ("J Doe", "Doe^John"),
        ("*smyth*", "Smith^John"),
        ("Smi*", "John^Smith"),
        ("Sm?th John", "John^Smith"),
        ("홍길동", HONG),
        ("홍길", HONG),
        ("길동 홍", HONG),
        ("洪吉洞", HONG),
        ("Gildong Hong", HONG),
        ("Andersen", "Anderson"),
        ("Aleksandrovich", "Alexandrovitch"),
    ],
)
def test_what_is_close(key, name):
    assert fuzzy.fuzzy(key)(name)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("Jane", "Doe^John"),
        ("Li", "Lee^Ann"),
        ("Ng", "Ong"),
        ("Kim", "Kin"),
        ("Bob", "Rob"),
        ("Lopez", "Gomez"),
        ("Yamada", "Yamamoto"),
        ("Smith", "Smart"),
        ("Smith^Mary", "Smith^John"),
        ("Smith Mary Ann", "Smith^Mary"),
        ("ohn", "John"),
        ("山本", "Yamada=山田"),
        ("동길", HONG),
        ("*x*", "Doe^John"),
        ("Sm?th", "Jones"),
        ("...", "Doe^John"),
    ],
)
def test_what_is_not(key, name):
    assert not fuzzy.fuzzy(key)(name)


NAMES = st.text("aeijmnsttyzMSÉüß山田^='- ", max_size=14)
PATTERNS = st.text("aeijmnsttyzMSÉüß山田^='- *?", max_size=10)


@settings(max_examples=500)
@given(PATTERNS, NAMES)
def test_all_that_matches_literally_matches(key, name):
    if names.literal(key)(name):
        assert fuzzy.fuzzy(key)(name)


@given(st.permutations(["Garcia", "Lopez", "Maria", "Jose"]), st.sampled_from([" ", "^", ", "]))
def test_words_in_any_order(words, separator):
    assert fuzzy.fuzzy(separator.join(words))("García^María José^López")


@settings(max_examples=300)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_a_key_and_a_name(key, name):
    assert fuzzy.fuzzy(key)(name) in (True, False)


def test_only_names_are_fuzzy():
    modes = Modes(fuzzy=True)
    assert meets("PN", "Swain", "Swayne", modes=modes)
    assert not meets("PN", "Swain", "Swayne")
    assert not meets("LO", "Swain", "Swayne", modes=modes)


def test_a_long_key_takes_no_time():
    start = time.process_time()
    for key in ("a " * 8_000, "*a" * 8_000, "ab-" * 5_000, "?" * 16_000):
        test = fuzzy.fuzzy(key)
        for _ in range(100):
            test("Aa^Ab^Ac=山田")
    assert time.process_time() - start < 2
