"""No string that a bundle holds becomes markup in a report."""

import dataclasses
from html.parser import HTMLParser

import pytest
import torch

from xai_core.report.html import html
from xai_core.report.image_report import image_report

HOSTILE = [
    "<script>alert(1)</script>",
    "<script>alert(1)<",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></style></svg><svg onload=alert(1)>",
    "-->]]><iframe src=javascript:alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp; \N{RIGHT-TO-LEFT OVERRIDE}",
    "`code` **bold** ![x](http://example.org/x.png) $x^2$",
]  # fmt: skip


class Structure(HTMLParser):
    """Elements with the names of their attributes, and everything that can be read."""

    def __init__(self, content):
        super().__init__()
        self.elements, self.words = [], []
        self.feed(content.decode())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, *(name for name, _ in attrs)))
        self.words += [value for name, value in attrs if name in ("alt", "aria-label")]

    def handle_data(self, data):
        self.words.append(data)


def named(bundle, words):
    """Return the bundle with `words` in every text that its manifest and its place can hold."""
    made = bundle.manifest
    card = dataclasses.replace(
        made.dataset, name=words, sha256=words, class_names=(f"1{words}", f"2{words}"),
        source=words, report=(words,),
    )  # fmt: skip
    manifest = dataclasses.replace(
        made, name=words, dataset=card, device=words, versions={words: words}, created=words
    )
    renamed = dataclasses.replace(bundle, name=words, digest=words, manifest=manifest)
    vars(renamed)["dataset"] = dataclasses.replace(bundle.dataset, class_names=card.class_names)
    return renamed


@pytest.fixture(scope="module")
def found(tiny_bundle):
    return image_report(tiny_bundle, "test:3")


def test_an_incomplete_map_is_named(tiny_bundle, found):
    assert b"do not sum to the output" not in html(tiny_bundle, found)
    one, *others = found.maps
    change = torch.tensor([2.0])
    missing = dataclasses.replace(one, convergence_delta=change / 4, output_change=change)
    text = html(tiny_bundle, dataclasses.replace(found, maps=(missing, *others))).decode()
    assert f"The shares of {one.method} do not sum to the output" in text and "miss 25%" in text


def test_it_says_which_classes_cannot_be_excluded(tiny_bundle, found):
    assert set(found.sets) == {"the classifier", "the cluster model"}
    sets = {"the classifier": [1, 0], "the cluster model": []}
    text = html(tiny_bundle, dataclasses.replace(found, sets=sets)).decode()
    assert "At 95 %, the classifier cannot exclude -, |." in text
    assert "At 95 %, the cluster model excludes every class." in text
    assert "full pixels of 784." in text


def test_a_hostile_text_is_read_and_never_run(tiny_bundle, found, subtests):
    for words in HOSTILE:
        for of in ["classifier", "cluster"]:
            with subtests.test(words=words, of=of):
                found = dataclasses.replace(
                    found,
                    output=of,
                    changed=dataclasses.replace(
                        found.changed,
                        reasons=(words,) * len(found.changed.reasons),
                        converged=found.changed.converged & False,
                    ),
                    commands=tuple(
                        dataclasses.replace(c, line=words, remakes=words) for c in found.commands
                    ),
                )
                plain = Structure(html(named(tiny_bundle, "harmless"), found))
                hostile = Structure(html(named(tiny_bundle, words), found))
                assert hostile.elements == plain.elements
                text = " ".join(hostile.words)
                for place in (
                    f"What {words} says about",  # the bundle's name
                    f"{words}, 40 train and 20 test images",  # the data set's name
                    f"1{words}",  # a class's name
                    f" on {words}, seed 0, with {words} {words}",  # device and versions
                    f"no: {words}",
                ):
                    assert place in text
