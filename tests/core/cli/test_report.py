"""`xai report`: a page that stands alone, and commands in it that give its numbers again."""

import re
import shlex
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

from xai_core import cli
from xai_core.data.user_images import own_id

LOOSE = {"rtol": 1e-5, "atol": 1e-5}
RUN = ("integrated_gradients", "gradient_shap", "critic")
"""Methods whose commands are run: with and without random numbers, and a mask."""


class Page(HTMLParser):
    """Numbers by their ids, commands, and what accessibility asks of a page."""

    def __init__(self, text):
        super().__init__()
        self.numbers, self.commands, self.tags, self.reads = {}, [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "data":
            self.numbers[found["id"]] = float(found["value"])
        self.reads = tag == "code"

    def handle_data(self, data):
        if self.reads and data.startswith("xai "):
            self.commands.append(data)

    def handle_endtag(self, tag):
        self.reads = False

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def xai(*arguments, status=0):
    result = CliRunner().invoke(cli.app, [str(part) for part in arguments])
    assert result.exit_code == status, (result.output, result.exception)
    return result


@pytest.fixture
def at_home(tiny_bundle_path, tmp_path, monkeypatch):
    """Be where the bundle is known by its name, and files may be written."""
    monkeypatch.setenv("XAI_BUNDLES", str(tiny_bundle_path.parent))
    monkeypatch.chdir(tmp_path)


def written(image_id, *options):
    xai("report", "bars", "--image", image_id, "--out", "report.html", "--device", "cpu", *options)
    with open("report.html", encoding="utf-8") as file:
        return file.read()


def arrays(path):
    with np.load(path, allow_pickle=False) as found:
        return dict(found)


def check(page):
    """Run the commands of a page and find its numbers in the files they write."""
    for line in page.commands:
        if " attribute " not in line or any(f"--method {name} " in line for name in RUN):
            xai(*shlex.split(line)[1:])
    numbers, encoded, checked = page.numbers, arrays("encoded.npz"), set()

    def same(name, value):
        np.testing.assert_allclose(value, numbers[name], **LOOSE, err_msg=name)
        checked.add(name)

    for name in ("elbo", "reconstruction", "expected_log_prior", "kl_c", "entropy_z"):
        same(name, encoded[name][0])
    same("umap-x", encoded["umap"][0, 0])
    same("umap-y", encoded["umap"][0, 1])
    for c in range(2):
        same(f"cluster-{c}", encoded["cluster_probs"][0, c])
        same(f"class-{c}", encoded["class_probs"][0, c])
    for method in RUN:
        found = arrays(f"{method}.npz")
        same(f"sum-{method}", found["attributions"][0].sum())
        for score in ("insertion", "deletion", "sparsity"):
            same(f"{score}-{method}", found[score][0])
    found = arrays("counterfactuals.npz")
    same("reconstruction_l1", np.abs(found["images"] - found["reconstructions"])[0].sum())
    for row, target in enumerate(found["target"]):
        same(f"reached-{target}", found["probabilities"][row, target])
        same(f"l1-{target}", found["distances"][row, 0])
        same(f"l2-{target}", found["distances"][row, 1])
    others = [name for name in set(numbers) - checked if "-" not in name]
    assert not others and len(page.commands) > 15


def test_the_commands_of_a_report_give_its_numbers_again(at_home):
    text = written("test:3")
    page = Page(text)
    check(page)
    with open("report.html", encoding="utf-8") as file:
        assert file.read() == text  # the last command writes the report itself


def test_a_report_of_ones_own_image_is_of_that_image(at_home, tiny_dataset):
    image = tiny_dataset.test.images[4].clone()
    image[2:4, 2:20] = 200
    page = Page(written(own_id(image), "--of", "cluster"))
    assert own_id(image) in page.commands[0]
    same = [line for line in page.commands if " encode " in line or "counterfactual" in line]
    for line in same:
        xai(*shlex.split(line)[1:])
    np.testing.assert_allclose(
        arrays("counterfactuals.npz")["images"][0], image[0].numpy() / np.float32(255)
    )
    np.testing.assert_allclose(arrays("encoded.npz")["elbo"][0], page.numbers["elbo"], **LOOSE)


def test_a_report_stands_alone_and_can_be_read_by_everyone(at_home, tiny_bundle):
    text = written("train:1")
    page = Page(text)
    links = [a[k] for _, a in page.tags for k in ("src", "srcset", "href") if k in a]
    assert links and all(link.startswith("data:image/png;base64,") for link in links)
    assert not page.of("script") and not page.of("link") and "url(" not in text
    assert not re.search(r"https?://", text)
    assert page.of("html")[0]["lang"] == "en" and len(page.of("h1")) == 1
    assert all(image["alt"].strip() for image in page.of("img"))
    assert all(cell["scope"] in ("col", "row") for cell in page.of("th")) and page.of("th")
    assert tiny_bundle.digest in text and tiny_bundle.dataset.sha256 in text
    assert "prefers-color-scheme: dark" in text and "@media print" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--image", "test:99", "--out", "a.html"), "There is no image 'test:99'"),
        (("--image", "own:AAA", "--out", "a.html"), "holds no image of this form"),
        (("--image", "test:0", "--out", "a.pdf"), "must end in .html"),
    ],
)
def test_report_refuses_with_one_line(options, message, at_home):
    line = xai("report", "bars", *options, status=1).stderr.strip().splitlines()[-1]
    assert line.startswith("error: ") and message in line


def test_images_are_taken_by_id(at_home, tiny_dataset):
    xai("encode", "bars", "--images", "test:3,train:5", "--out", "some.npz", "--device", "cpu")
    xai("attribute", "bars", "--images", "test:3,train:5", "--out", "a.npz", "--device", "cpu",
        "--method", "saliency", "--scores")  # fmt: skip
    found = arrays("a.npz")
    assert found["insertion"].shape == (2,) and found["attributions"].shape == (2, 28, 28)
    assert arrays("some.npz")["mean"].shape[0] == 2
    line = xai("encode", "bars", "--images", "test:3,test:99", "--out", "b.npz", status=1).stderr
    assert "There is no image 'test:99' in 'bars'" in line
