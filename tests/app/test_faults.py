"""A bundle deleted, replaced or damaged while people look at it: the page says so and goes on."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from dashboard.services import bundles
from dashboard.ui.components.latent_map import files
from xai_core.bundle import paths
from xai_core.bundle.listing import list_bundles
from xai_core.bundle.writing import save_bundle
from xai_core.errors import BundleError

from .parts import linked


@pytest.fixture
def two_bundles(tiny_bundle_path, tmp_path, monkeypatch, fresh_caches):
    """A working directory with `bars` and `other`; gives the folder of `bars`."""
    root = tmp_path / "checkpoints"
    for name in ("bars", "other"):
        shutil.copytree(tiny_bundle_path, root / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAI_BUNDLES", raising=False)
    return root / "bars"


def test_the_bundle_of_the_package_opens_from_a_folder_without_any(
    tiny_bundle_path, open_page_without_bundle, monkeypatch
):
    monkeypatch.setattr(paths, "SHIPPED", tiny_bundle_path.parent)
    app = open_page_without_bundle()
    assert linked(app, "bundle") == "bars" and not app.error


def test_a_bundle_deleted_while_open_is_said_and_another_is_shown(
    two_bundles, open_page_without_bundle, text_of
):
    app = open_page_without_bundle(bundle="bars")
    shutil.rmtree(two_bundles)
    app.run()
    assert not app.exception
    assert "There is no model `bars` here to open. Found: `other`." in text_of(app)
    shutil.rmtree(two_bundles.with_name("other"))
    app.run()
    assert not app.exception and "No model to look at yet" in text_of(app)


def test_a_bundle_replaced_while_open_is_opened_anew(
    two_bundles, tiny_parts, open_page_without_bundle, text_of
):
    app = open_page_without_bundle(bundle="bars")
    metrics = {**tiny_parts["metrics"]}
    metrics["test"] = {**metrics["test"], "accuracy": 0.123}
    save_bundle(two_bundles, **tiny_parts | {"metrics": metrics}, overwrite=True)
    os.utime(two_bundles / "manifest.json", (0, 0))  # by a clock set back
    app.run()
    assert not app.exception
    assert "12.3 %" in text_of(app)


def test_a_bundle_half_replaced_while_open_is_named(
    two_bundles, open_page_without_bundle, text_of
):
    app = open_page_without_bundle(bundle="bars")
    (two_bundles / "model.safetensors").unlink()
    app.run()
    assert not app.exception
    assert "There is no model `bars` here to open" in text_of(app)
    assert "model.safetensors`: it is missing" in text_of(app)


def test_a_bundle_gone_between_listing_and_opening_is_named(two_bundles):
    found = list_bundles([two_bundles.parent])[0]
    shutil.rmtree(two_bundles)
    with pytest.raises(
        BundleError, match="`bars` has been removed since it was listed. Reload this page"
    ):
        bundles.bundle(found.path)


def test_a_server_gets_ready_with_what_is_there(two_bundles):
    bundles.get_ready()
    shutil.rmtree(two_bundles.with_name("other"))
    (two_bundles / "model.safetensors").unlink()
    assert bundles.bundle(two_bundles).name == "bars"  # opened before anybody asked
    bundles.get_ready()  # one that is damaged
    shutil.rmtree(two_bundles)
    bundles.get_ready()  # none


@pytest.mark.parametrize("step", ["summaries", "bundle"])
def test_a_bundle_that_goes_while_a_server_gets_ready_stops_nothing(
    step, two_bundles, monkeypatch
):
    def gone(*_):
        raise BundleError("It is gone.")

    monkeypatch.setattr(bundles, step, gone)
    bundles.get_ready()


def test_a_full_disk_leaves_no_half_of_the_maps_files(tiny_bundle, tmp_path, monkeypatch):
    real = Path.write_bytes

    def full(self, content):
        real(self, content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "STATIC", tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    made = files._make(tiny_bundle)
    assert made.folder is None and not made.pictures
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
