"""Numbers in sentences."""

from xai_core.plots.style import told_apart

COMPARED = [
    (3.66, 3.6599), (0.5, 0.50001), (-97.6, -97.6), (1.0, 2.0), (0.0, 0.001), (-0.001, 0.001),
    (3.66, 3.66, 3.661), (0.04, 0.05), (99.99, 100.0), (1e-6, 2e-6), (7.0,), (-3.0, 3.0),
]  # fmt: skip


def test_numbers_that_are_compared_are_told_apart(subtests):
    for values in COMPARED:
        for digits in (1, 2):
            with subtests.test(values=values, digits=digits):
                texts = told_apart(*values, digits=digits)
                assert len(set(texts)) == len(set(values))
                assert len({len(text.partition(".")[2]) for text in texts}) == 1


def test_as_few_digits_as_tell_them_apart():
    assert told_apart(3.66, 3.6599, digits=1) == ["3.6600", "3.6599"]
    assert told_apart(3.66, 9.1, digits=1) == ["3.7", "9.1"]
