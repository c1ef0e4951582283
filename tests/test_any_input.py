"""Whatever a person uploads, types into the address bar or into a shell: words, never a traceback.

Each test draws some hundred cases and fails if fewer of them ran.
"""

import contextlib
import io
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save
from typer.testing import CliRunner

from dashboard import links, state
from xai_core import cli
from xai_core.bundle.files import kind_of, read_table, read_tensors, write_table
from xai_core.bundle.manifest import read_manifest, sealed
from xai_core.data.dataset import image_id, parse_id
from xai_core.data.digits import normalise_digit
from xai_core.data.io.image_files import read_picture, read_upload
from xai_core.data.preprocessing import convert_files, read_images
from xai_core.data.registry import load_dataset
from xai_core.data.user_images import own_id, own_image
from xai_core.errors import BundleError, ConfigError, DataError
from xai_core.training import pipeline

pytestmark = pytest.mark.filterwarnings("ignore")  # decoders warn of what they then refuse

DIGITS = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)


@pytest.fixture
def tried(share):
    """Return what runs a check on that many drawn cases (a tenth in the fast lane) and counts."""

    def run(strategy, check, examples):
        ran = 0

        @settings(
            max_examples=examples // share,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def one(value):
            nonlocal ran
            ran += 1
            check(value)

        one()
        assert ran >= examples // share

    return run


def damaged(contents):
    """Draw one of some contents, with bytes changed, cut out, put in or cut off."""
    places = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=6)

    def damage(drawn):
        content, changes, cut, more = drawn
        found = bytearray(content)
        for place, value in changes if found else ():
            found[place % min(len(found), 400)] = value
        return bytes(found[: round(len(found) * cut)] + more)

    cut = st.one_of(st.just(1.0), st.floats(0, 1))
    return st.tuples(st.sampled_from(contents), places, cut, st.binary(max_size=9)).map(damage)


# --- uploads ------------------------------------------------------------------------------------


def encoded(kind, pixels=DIGITS[0], mode=None, **options):
    file, image = io.BytesIO(), Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


IMAGES = [
    *(encoded(kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")),
    encoded("PNG", mode="RGBA"),
    encoded("PNG", mode="P", transparency=0),
    encoded("PNG", DIGITS[0].astype(np.uint16) * 257),
    encoded("JPEG", mode="CMYK"),
    encoded("GIF", save_all=True, append_images=[Image.fromarray(d) for d in DIGITS[1:]]),
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"",
]


def test_any_image_file_is_read_or_refused(tmp_path, tried):
    path = tmp_path / "x.png"

    def check(content):
        path.write_bytes(content)
        try:
            pixels = read_picture(path, channels=1).pixels
            assert pixels.ndim == 2 and pixels.dtype in (np.uint8, np.uint16)
            found = convert_files([path]).images.shape
            assert found[0] == 1 and found[1] in (1, 3) and len(found) == 4
            assert normalise_digit(pixels).shape == (28, 28)
        except DataError as error:
            assert "\n" not in str(error)
        try:
            read_upload(content, "x")
        except DataError as error:
            assert str(error).startswith("`x` ")

    tried(damaged(IMAGES), check, 1300)


def archives():
    plain, packed, array = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(plain, images=DIGITS, labels=np.arange(3), split=np.array(["train", "train", "test"]))
    np.savez_compressed(packed, images=DIGITS)
    np.save(array, DIGITS / 255)
    return [plain.getvalue(), packed.getvalue(), array.getvalue()]


def test_any_array_is_read_or_refused(tmp_path, tried):
    npz, npy = tmp_path / "x.npz", tmp_path / "x.npy"

    def check(content):
        for path, read in ((npz, load_dataset), (npz, read_images), (npy, read_images)):
            path.write_bytes(content)
            try:
                read(path)
            except DataError as error:
                assert "\n" not in str(error)

    tried(damaged(archives()), check, 800)


def test_any_drawing_is_a_digit_or_refused(tried):
    sizes = st.tuples(st.integers(0, 60), st.integers(0, 60))
    values = st.sampled_from([0, 1, 2, 127, 254, 255, 0.5, -1.0, np.nan, np.inf, 1e300])
    kinds = st.sampled_from(["u1", "i8", "f4", "f8", "?", "c8", "U1"])

    def check(drawn):
        (height, width), fill, strokes, kind = drawn
        with np.errstate(all="ignore"):
            image = np.full((height, width), fill).astype(kind)
            for row, value in strokes:
                image[row : row + 2, row:] = np.array(value).astype(kind)
        try:
            digit = normalise_digit(image)
        except DataError:
            return
        assert digit.shape == (28, 28) and digit.max() == 255

    strokes = st.lists(st.tuples(st.integers(0, 59), values), max_size=4)
    tried(st.tuples(sizes, values, strokes, kinds), check, 1000)


# --- a colleague's bundle -----------------------------------------------------------------------


def test_any_manifest_is_believed_or_refused(tiny_bundle_path, tmp_path, tried):
    whole = json.loads((tiny_bundle_path / "manifest.json").read_text())
    parts = [("dataset",), ("configs", "model"), ("files", "index.parquet"), ("metrics",), ()]
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    )

    def check(drawn):
        part, number, value = drawn
        found = json.loads(json.dumps(whole))
        place = found
        for name in part:
            place = place[name]
        place[sorted(place)[number % len(place)]] = value
        (tmp_path / "manifest.json").write_text(json.dumps(sealed(found)))
        try:
            read_manifest(tmp_path)
        except BundleError as error:
            assert "manifest.json`" in str(error)

    tried(st.tuples(st.sampled_from(parts), st.integers(0, 99), values), check, 600)


def test_any_weights_are_read_or_refused(tmp_path, tried):
    tensors = {"a": torch.ones(2, 3), "b": torch.zeros(4, dtype=torch.int64)}
    expected = {name: kind_of(tensor) for name, tensor in tensors.items()}
    path = tmp_path / "x.safetensors"

    def check(content):
        path.write_bytes(content)
        try:
            assert read_tensors(path, expected).keys() == tensors.keys()
        except BundleError as error:
            assert "x.safetensors`" in str(error)

    tried(damaged([save(tensors)]), check, 500)


COLUMNS = {"id": "str", "elbo": "float32", "label": "int64"}


@pytest.fixture
def path(tmp_path):
    """A table of three rows."""
    path = tmp_path / "x.parquet"
    table = pd.DataFrame({"id": ["a", "b", "b"], "elbo": [0.5, 1.0, 2.0], "label": [1, 2, 3]})
    write_table(path, table, COLUMNS)
    return path


@pytest.mark.parametrize("value", [0, 64])
def test_a_table_with_any_byte_changed_is_read_or_refused(path, value, share):
    """pyarrow ends the process where it is asked for a column that contradicts itself."""
    whole = path.read_bytes()
    for place in range(0, len(whole), share):
        path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
        with contextlib.suppress(BundleError):
            assert list(read_table(path, COLUMNS, num_rows=3)) == list(COLUMNS)


def test_any_table_is_read_or_refused(path, tried):

    def check(content):
        path.write_bytes(content)
        try:
            assert list(read_table(path, COLUMNS, num_rows=3)) == list(COLUMNS)
        except BundleError as error:
            assert "x.parquet`" in str(error)

    tried(damaged([path.read_bytes()]), check, 400)


# --- the address bar ----------------------------------------------------------------------------

ODD = st.sampled_from(
    ["", " ", "nan", "inf", "-0", "1e99", "0x1", "None", "../..", "<b>", "a" * 3000, "9" * 5000]
)
WORDS = st.one_of(
    st.text(max_size=12),
    st.text("0123456789.-_e:+", max_size=14),
    st.tuples(st.sampled_from(["train:", "test:", "own:"]), st.text("0123eJx_-", max_size=9)).map(
        "".join
    ),
    ODD,
)
SETTINGS = {
    "colour": {"default": "cluster", "options": ("cluster", "label", "elbo", "kl_c")},
    "clusters": {"default": [], "options": tuple(range(10))},
    "picked": {"default": None, "options": (None, 0, 1)},
    "all": {"default": False, "options": (False, True)},
    "seed": {"default": 0, "span": (0, 10**6, 1)},
    "z3": {"default": 0.0, "span": (-4.0, 4.0, 0.1)},
}


def test_any_setting_in_a_link_is_one_that_is_offered(tried):
    known = {name: links.Setting(**kind) for name, kind in SETTINGS.items()}

    def check(drawn):
        setting, text = known[drawn[0]], drawn[1]
        value = setting.read(text)
        assert setting.allows(value)
        assert setting.read(setting.write(value) or "") in (value, setting.default)

    tried(st.tuples(st.sampled_from(sorted(known)), WORDS), check, 3000)


def test_any_line_in_a_link_is_one_or_none(tried):
    numbers = st.integers(-(10**9), 10**9).map(str) | WORDS
    pairs = st.lists(st.tuples(numbers, numbers).map(".".join), max_size=9).map("_".join)

    def check(text):
        corners = links.read_corners(text)
        if corners is not None:
            assert links.read_corners(links.write_corners(corners)) == corners

    tried(pairs | WORDS, check, 800)


def test_any_id_is_an_image_or_refused(tried):
    whole = [own_id(digit).encode() for digit in (*DIGITS, np.zeros((28, 28), np.uint8))]
    changed = damaged(whole).map(lambda content: content.decode("latin-1"))

    def check(text):
        try:
            if text.startswith("own:"):
                assert own_image(text).shape == (1, 28, 28)
            else:
                assert image_id(*parse_id(text)) == text
        except DataError as error:
            assert len(str(error)) < 300

    tried(changed | WORDS, check, 1600)


def test_any_address_opens_a_page(monkeypatch, tried):
    names = ["bundle", "image", "lasso", "unknown", *SETTINGS]

    class Address(dict):
        def to_dict(self):
            return dict(self)

        def from_dict(self, params):
            self.clear()
            self.update(params)

    def check(query):
        tab = SimpleNamespace(session_state={}, query_params=Address(query))
        monkeypatch.setattr(state, "st", tab)
        state.read_link()
        state.select_bundle("mnist")
        shown = {name: state.keep(name, link=name, **kind) for name, kind in SETTINGS.items()}
        corners = state.lasso()
        state.write_link()
        assert all(links.Setting(**SETTINGS[name]).allows(shown[name]) for name in shown)
        assert corners is None or len(corners) >= 3
        assert "unknown" not in tab.query_params

    tried(st.dictionaries(st.sampled_from(names), WORDS, max_size=7), check, 1100)


# --- the shell ----------------------------------------------------------------------------------

COMMANDS = {
    "train": ("--data", "--out", "--preset", "--clusters", "--latent-dim", "--factorisation",
              "--learning-rate", "--epochs", "--batch-size", "--devices", "--num-nodes"),
    "evaluate": ("--split", "--likelihood-images"),
    "encode": ("--images", "--out"),
    "info": (),
    "notes": ("--import", "--export"),
    "verify": ("--num-images", "--num-samples"),
    "attribute": ("--images", "--method", "--out", "--output", "--target", "--baseline", "--set",
                  "--figure"),
    "faithfulness": ("--methods", "--images", "--num-images", "--of", "--set"),
    "counterfactual": ("--images", "--target", "--out", "--of", "--method", "--probability",
                       "--figure"),
    "figures": ("--out", "--method", "--output", "--count", "--images", "--format", "--width",
                "--font", "--font-size", "--dpi"),
    "list": (),
    "report": ("--image", "--out", "--of", "--search"),
    "export": ("--out", "--images", "--explain", "--of"),
    "record-collapse": ("--out", "--data", "--images", "--train-images", "--epochs"),
    "dashboard": ("--port", "--headless"),
}  # fmt: skip
FLAGS = ("--json", "--headless")
COMMON = ("--seed", "--device", "--json", "--nonsense")
NUMBERS = st.integers(-3, 2**70).map(str)
SHELL = st.one_of(
    WORDS,
    NUMBERS,
    st.sampled_from(
        ["x.npz", "x.png", "bars.npz", "n_steps=x", "cpu", "cuda:99", "test:0", "nan"]
    ),
)


def commands():
    def line(name):
        options = st.sampled_from((*COMMANDS[name], *COMMON))
        pairs = st.lists(st.tuples(options, SHELL), max_size=5)
        bundle = st.sampled_from(["bars", "bars", "nope"]) | SHELL
        return st.tuples(st.just(name), bundle, pairs)

    return st.sampled_from(sorted(COMMANDS)).flatmap(line)


def test_any_command_line_ends_in_one_line(tiny_bundle, tmp_path, monkeypatch, tried):
    """The bundle is in memory, and what takes long once all is accepted is left out."""

    def enough(*_, **__):
        raise ConfigError("Accepted. Enough.")

    def open_tiny(name, *, device):
        if name != "bars":
            raise BundleError("No such bundle. Name one.")
        return tiny_bundle

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("xai_core.bundle.reading.load_bundle", open_tiny)
    for module, name in (
        (pipeline, "train"),
        ("xai_core.bundle.encode", "encode"),
        ("xai_core.evaluation.metrics", "evaluate"),
        ("xai_core.evaluation.verification", "verify"),
        ("xai_core.evaluation.faithfulness.table", "scores"),
        ("xai_core.attribution.of_bundle", "attribute"),
        ("xai_core.counterfactual.of_bundle", "find_counterfactual"),
        ("xai_core.report.image_report", "image_report"),
        ("xai_core.report.map_page", "map_page"),
        ("xai_core.training.collapse", "record_collapse"),
        ("xai_core.cli.dashboard.subprocess", "run"),
    ):
        target = module if isinstance(module, str) else module.__name__
        monkeypatch.setattr(f"{target}.{name}", enough)
    np.savez("bars.npz", images=DIGITS)
    runner = CliRunner()

    def check(drawn):
        name, bundle, pairs = drawn
        line = [name] if name in ("train", "list", "record-collapse") else [name, bundle]
        for option, value in pairs:
            line += [option] if option in FLAGS else [option, value]
        result = runner.invoke(cli.app, line)
        assert result.exception is None or isinstance(result.exception, SystemExit), line
        assert result.exit_code in (0, 1, 2), line
        if result.exit_code == 1:
            assert result.stderr.splitlines()[-1].startswith("error: "), line

    tried(commands(), check, 450)
