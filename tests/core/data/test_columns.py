"""The user's own columns: read, matched with images, kept in a bundle; images in a CSV."""

import dataclasses
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.data.registry import load_dataset
from xai_core.errors import DataError
from xai_core.latent_space.own_columns import OWN, own_columns
from xai_core.latent_space.umap_layout import build_index
from xai_core.plots.latent_map import colouring

COUNT = 20


@pytest.fixture(scope="module")
def digits():
    part = load_dataset("mnist").test.part(slice(COUNT))
    return part.images[:, 0].numpy(), part.labels.numpy()


@pytest.fixture
def folder(tmp_path, digits):
    found = tmp_path / "images"
    found.mkdir()
    for row, image in enumerate(digits[0]):
        Image.fromarray(image).save(found / f"{row:03d}.png")
    return found


def table_of(labels):
    return pd.DataFrame(
        {
            "file": [f"{row:03d}.png" for row in range(COUNT)],
            "species": [f"kind {label}" for label in labels],
            "fold": ["train"] * 15 + ["test"] * 5,
            "age": [*np.linspace(0, 1, COUNT - 1), ""],
            "code": [f"{row:03d}" for row in range(COUNT)],
            "empty": "",
        }
    )


def test_a_table_is_brought_into_the_order_of_the_files(folder, digits, tmp_path, subtests):
    table = table_of(digits[1])
    shuffled = table.sample(frac=1, random_state=0)
    others = shuffled.head(2).assign(file="x.png", code="x")
    spellings = {
        "names": shuffled,
        "without suffix": shuffled.assign(file=shuffled["file"].str.removesuffix(".png")),
        "with a folder": shuffled.assign(file="./somewhere/" + shuffled["file"]),
        "by another column": shuffled.drop(columns="file"),
        "rows of other images": pd.concat([shuffled, others]),
        "semicolons": shuffled,
    }
    for name, spelled in spellings.items():
        with subtests.test(name):
            spelled.to_csv(
                tmp_path / "t.csv", index=False, sep=";" if name == "semicolons" else ","
            )
            found = load_dataset(
                folder,
                metadata=tmp_path / "t.csv",
                label_column="species",
                split_column="fold",
            )
            assert (len(found.train), len(found.test)) == (15, 5)
            labels = [found.class_names[label] for label in found.train.labels]
            assert labels == list(table["species"][:15])
            own = found.columns
            assert own["code"].tolist() == table["code"].tolist()
            assert np.allclose(own["age"][:-1], np.linspace(0, 1, COUNT - 1))
            assert np.isnan(own["age"].iloc[-1])
            assert not {"species", "fold", "empty"} & set(own)
            report = " ".join(found.report)
            assert "The label was read from the column 'species'." in report
            assert "Left out, being empty: the columns 'empty'." in report
            assert ("2 rows of t.csv name no image" in report) == (name == "rows of other images")


def test_tables_that_do_not_fit_are_refused(folder, digits, tmp_path, subtests):
    table, own = table_of(digits[1]), {"metadata": tmp_path / "t.csv"}
    csv = table.to_csv(index=False)
    cases = {
        "no such file": (None, own, "There is no file"),
        "one image missing": (table[1:], own, "names 19 of 20 images in the column"),
        "an image twice": (pd.concat([table, table[:1]]), own, "but not '000.png'. Add a row"),
        "no file names": (table[["age"]], own, "names the images, such as '000.png'"),
        "no such label": (csv, own | {"label_column": "kind"}, "has no column 'kind'. It has"),
        "a label missing": (csv, own | {"label_column": "age"}, "no value of 'age' in row 20"),
        "labels that measure": (
            table.assign(age=np.linspace(0, 1, COUNT)), own | {"label_column": "age"},
            "must be whole numbers or words",
        ),
        "no such split": (csv, own | {"split_column": "species"}, "must be the words 'train'"),
        "no header": ("a,b\n1,2,3\n" * 9, own, "cannot be read as a table|must have a header row"),
        "nothing": ("", own, "cannot be read as a table"),
        "no rows": ("file,age\n", own, "must have a header row"),
        "not UTF-8": (csv.replace("kind", "f\xe4rbung").encode("latin-1"), own, "is not UTF-8"),
        "not a table": (csv, {"metadata": folder}, "must be a .csv or .tsv file"),
        "no table": (csv, {"label_column": "species"}, "has no columns, so none can be the label"),
    }  # fmt: skip
    for name, (content, how, message) in cases.items():
        with subtests.test(name):
            (tmp_path / "t.csv").unlink(missing_ok=True)
            if isinstance(content, pd.DataFrame):
                content = content.to_csv(index=False)
            if content is not None:
                raw = content if isinstance(content, bytes) else content.encode()
                (tmp_path / "t.csv").write_bytes(raw)
            with pytest.raises(DataError, match=message):
                load_dataset(folder, **how)


def test_columns_of_arrays_and_of_built_in_sets(digits, tmp_path):
    images, labels = digits
    np.savez(
        tmp_path / "x.npz",
        images=images,
        labels=labels,
        site=np.array(["a", "b"] * 10),
        age=np.r_[np.arange(COUNT - 1.0), np.nan],
    )
    pd.DataFrame({"size": range(COUNT)}).to_csv(tmp_path / "x.csv", index=False)
    found = load_dataset(tmp_path / "x.npz", metadata=tmp_path / "x.csv")
    assert [str(kind) for kind in found.columns.dtypes] == ["str", "float64", "float64"]
    together = found.columns.sort_values("size", ignore_index=True)
    assert together["site"].tolist() == ["a", "b"] * 10
    with pytest.raises(DataError, match=r"unknown keys: 'lables'. Expected 'images'"):
        np.savez(tmp_path / "typo.npz", images=images, lables=labels)
        load_dataset(tmp_path / "typo.npz")
    pd.DataFrame({"size": range(COUNT)}).to_csv(tmp_path / "ids.csv", index=False)
    with pytest.raises(DataError, match=r"has 20 rows for 70,000 images"):
        load_dataset("mnist", metadata=tmp_path / "ids.csv")
    ids = load_dataset("mnist").ids
    pd.DataFrame({"id": ids[::-1], "place": range(70_000)}).to_csv(tmp_path / "m.csv", index=False)
    packaged = load_dataset("mnist", metadata=tmp_path / "m.csv")
    assert packaged.columns["place"].tolist() == list(range(69_999, -1, -1))
    assert packaged.sha256 == load_dataset("mnist").sha256
    with pytest.raises(DataError, match="has its own labels"):
        load_dataset("mnist", metadata=tmp_path / "m.csv", label_column="place")


def bytes_of(dataset):
    return {image.numpy().tobytes() for image in dataset.images(dataset.ids)}


def test_images_in_a_table_of_pixels(digits, tmp_path, subtests):
    images, labels = digits
    pixels = pd.DataFrame(images.reshape(COUNT, -1)).add_prefix("pixel")
    labelled = pd.concat([pd.Series(labels, name="label"), pixels], axis=1)
    forms = {
        "Kaggle": labelled.to_csv(index=False),
        "rows and columns": labelled.rename(
            columns=lambda n: n if n == "label" else f"{int(n[5:]) // 28}x{int(n[5:]) % 28}"
        ).to_csv(index=False),
        "shares of white": labelled.assign(**pixels / 255).to_csv(index=False),
        "without a header": labelled.to_csv(index=False, header=False),
        "without labels": pixels.to_csv(index=False),
        "neither": pixels.to_csv(index=False, header=False),
        "with a column": labelled.assign(site=["a", "b"] * 10).to_csv(index=False),
    }
    np.savez(tmp_path / "same.npz", images=images, labels=labels)
    same = load_dataset(tmp_path / "same.npz")
    for name, text in forms.items():
        with subtests.test(name):
            (tmp_path / "x.csv").write_text(text)
            found = load_dataset(tmp_path / "x.csv")
            assert (len(found.train), len(found.test)) in [
                (18, 2),
                (len(same.train), len(same.test)),
            ]
            whole = {
                image.numpy().tobytes()
                for part in (found.train, found.test)
                for image in part.images
            }
            expected = {
                image.numpy().tobytes()
                for part in (same.train, same.test)
                for image in part.images
            }
            assert whole == expected
            assert list(found.columns) == (["site"] if name == "with a column" else [])
            if name not in ("without labels", "neither"):
                assert found.sha256 == same.sha256
                assert found.class_names == same.class_names
    for text, message in {
        "a,b\n1,2\n": "has no columns of pixels",
        labelled.drop(columns="pixel0").to_csv(index=False): "783 columns of pixels",
        labelled.assign(pixel3="x").to_csv(index=False): "a number for each pixel",
    }.items():
        with subtests.test(message):
            (tmp_path / "x.csv").write_text(text)
            with pytest.raises(DataError, match=message):
                load_dataset(tmp_path / "x.csv")


def test_a_folder_may_be_zipped(folder, digits, tmp_path, subtests):
    table_of(digits[1]).to_csv(tmp_path / "t.csv", index=False)
    how = {"metadata": tmp_path / "t.csv", "label_column": "species"}
    same = load_dataset(folder, **how)

    def zipped(names):
        with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
            for name, file in names.items():
                archive.write(file, name)
        return tmp_path / "images.zip"

    files = {file.name: file for file in sorted(folder.iterdir())}
    for above in ("", "images/"):
        with subtests.test(above):
            more = {f"{above}.DS_Store": tmp_path / "t.csv", "__MACOSX/x.png": tmp_path / "t.csv"}
            found = load_dataset(zipped({above + n: f for n, f in files.items()} | more), **how)
            assert (found.name, found.sha256) == ("images", same.sha256)
            assert found.source == str(tmp_path / "images.zip")
    labelled = {f"set/{n[0]}{k % 2}/{n}": f for k, (n, f) in enumerate(files.items())}
    assert load_dataset(zipped(labelled)).class_names == ("00", "01")
    first = next(iter(files.values()))
    for names, message in {
        "../x.png": "leads out of it",
        "a/b/c/x.png": "has images .* beside sub-folders",
        "x.txt": "holds no images, but 'x.txt'",
    }.items():
        with subtests.test(names), pytest.raises(DataError, match=f"images.zip.*{message}"):
            load_dataset(zipped({names: first, **({"a/y.png": first} if "/c/" in names else {})}))
    whole = zipped(files).read_bytes()
    for content in (
        whole[: len(whole) // 2],
        b"PK",
        whole.replace(first.read_bytes()[40:60], b"0" * 20),
    ):
        (tmp_path / "images.zip").write_bytes(content)
        with pytest.raises(DataError, match="images.zip` cannot be read as a .zip"):
            load_dataset(tmp_path / "images.zip")


def test_a_bundle_keeps_them(tiny_parts, tmp_path):
    parts = dict(tiny_parts)
    own = pd.DataFrame(
        {
            "site": ["b", ""] * 30,
            "age": np.linspace(0, 1, 60),
            "../file": [f"f{k}" for k in range(60)],
        }
    )
    data = parts["dataset"]
    train, test = (
        dataclasses.replace(part, columns=rows)
        for part, rows in ((data.train, own.iloc[:40]), (data.test, own.iloc[40:]))
    )
    parts["dataset"] = dataclasses.replace(data, train=train, test=test)
    parts["index"], _ = build_index(
        parts["model"], parts["classifier"], parts["dataset"], device="cpu", seed=0
    )
    first = load_bundle(save_bundle(tmp_path / "first", **parts))
    again = load_bundle(save_bundle(tmp_path / "again", bundle=first))
    for bundle in (first, again):
        pd.testing.assert_frame_equal(own_columns(bundle.index), own, check_dtype=False)
        assert bundle.manifest.dataset.columns == ("site", "age", "../file")
        assert list(bundle.index)[-3:] == [OWN + name for name in own]
    offered = {c.title: c for c in colouring.available(again.index)}
    assert offered["site"].names == ("b",)
    assert offered["site"].values.tolist() == [0, -1] * 30
    assert "../file" not in offered
    assert all(c.name.isidentifier() for c in offered.values())
    levels, low, high = colouring.encoded(again.index, offered["age"])
    assert (levels.min(), levels.max()) == (0, 254)
    assert (low, high) == pytest.approx((0.01, 0.99))
