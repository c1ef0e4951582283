import gzip
import hashlib
import os
import re
import shutil
import socket
import struct
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from xai_core.data import dataset, registry, shapes
from xai_core.data.built_in import BUILT_IN, REMOTE
from xai_core.data.dataset import Split, build_dataset, image_id, parse_id
from xai_core.data.labels import draw_test
from xai_core.data.registry import load_dataset
from xai_core.errors import DataError

RNG = np.random.default_rng(0)


def noise(count, height=28, width=28):
    return RNG.integers(0, 100, (count, height, width), dtype=np.uint8)


def fill(folder, count, size=28, names="{:02d}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    images = noise(count, size, size)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / names.format(number))
    return torch.from_numpy(images)[:, None]


def splits(num_train=4, num_test=2, labels=True):
    return (
        Split(
            images=torch.from_numpy(noise(count)),
            labels=torch.arange(count) % 2 if labels else None,
        )
        for count in (num_train, num_test)
    )


def small(labels=True):
    train, test = splits(labels=labels)
    names = ("even", "odd") if labels else ()
    return build_dataset(name="small", train=train, test=test, class_names=names)


# MNIST


def test_mnist_is_complete_and_offline(monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("the network was used"))
    mnist = load_dataset("mnist")
    assert mnist.train.images.shape == (60_000, 1, 28, 28)
    assert mnist.test.images.shape == (10_000, 1, 28, 28)
    assert mnist.train.labels.dtype == torch.int64
    assert mnist.class_names == tuple("0123456789")
    assert torch.bincount(mnist.test.labels).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.report == ()
    assert "CC BY-SA 3.0" in mnist.source


def test_hash_is_of_images_then_labels():
    mnist = load_dataset("mnist")
    content = b"".join(split.images.numpy().tobytes() for split in (mnist.train, mnist.test))
    labels = b"".join(split.labels.numpy().tobytes() for split in (mnist.train, mnist.test))
    assert mnist.sha256 == hashlib.sha256(content + labels).hexdigest()
    assert mnist.without_labels().sha256 == hashlib.sha256(content).hexdigest()


def test_hashes_are_those_of_the_readme():
    readme = (registry._MNIST_FOLDER / "README.md").read_text()
    listed = dict(re.findall(r"\| (\S+-ubyte) \|.*\| ([0-9a-f]{32}) \|", readme))
    assert listed == {
        name.removesuffix(".gz"): md5 for name, (_, md5) in registry._MNIST_FILES.items()
    }


@pytest.fixture
def copied_mnist(tmp_path, monkeypatch):
    folder = tmp_path / "mnist"
    shutil.copytree(registry._MNIST_FOLDER, folder)
    monkeypatch.setattr(registry, "_MNIST_FOLDER", folder)
    return folder


@pytest.mark.parametrize("file", registry._MNIST_FILES)
def test_one_changed_byte_is_found(copied_mnist, file):
    content = bytearray(gzip.decompress((copied_mnist / file).read_bytes()))
    content[-1] ^= 1
    (copied_mnist / file).write_bytes(gzip.compress(content, 1))
    with pytest.raises(DataError, match=rf"{file}` is damaged: its MD5 is .*git checkout"):
        load_dataset("mnist")


@pytest.mark.parametrize("damage", ["missing", "cut", "longer", "not gzip"])
def test_damaged_mnist_is_refused(copied_mnist, damage):
    path = copied_mnist / "t10k-labels-idx1-ubyte.gz"
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "longer":
        path.write_bytes(content + gzip.compress(b"x"))
    else:
        path.write_bytes(content[:-50] if damage == "cut" else b"hello")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz` (is|cannot)"):
        load_dataset("mnist")


# ids


def test_ids_name_every_row():
    data = small()
    assert data.ids == ["train:0", "train:1", "train:2", "train:3", "test:0", "test:1"]
    assert [image_id(*parse_id(text)) for text in data.ids] == data.ids
    for text in data.ids:
        name, row = parse_id(text)
        assert torch.equal(data.image(text), data.split(name).images[row])


def test_images_come_in_the_order_of_the_ids():
    data = small()
    images = data.images(["test:1", "train:3", "train:3", "test:0"])
    expected = [data.test.images[1], *data.train.images[[3, 3]], data.test.images[0]]
    assert torch.equal(images, torch.stack(expected))
    assert data.images([]).shape == (0, 1, 28, 28)
    images.zero_()
    assert data.test.images[1].any()


@pytest.mark.slow
def test_the_mean_image_needs_no_second_copy_of_the_images(monkeypatch, tiny_dataset):
    monkeypatch.setattr(dataset, "AT_ONCE", 7)
    train = tiny_dataset.train.images
    fresh = build_dataset(
        name="bars", train=Split(images=train, labels=None), test=Split(images=train, labels=None)
    )
    with torch.profiler.profile(profile_memory=True) as profile:
        mean = fresh.mean_image
    assert torch.equal(mean[0], (train.double().mean(0) / 255).float())
    most = max(event.cpu_memory_usage for event in profile.events())
    assert 0 < most <= 8 * 7 * 784  # all 40 at once, as int64, would be 8 * 40 * 784


@pytest.mark.parametrize(
    "text",
    [
        *("", "test", "test:", "test:-1", "test:01", "test: 1", "Test:1", "val:1", "test:1\n"),
        *("test:\u0661", "test:1.0", "test:" + "9" * 20, "x" * 10_000),
    ],
)
def test_other_texts_are_no_ids(text):
    with pytest.raises(DataError, match="train:ROW or test:ROW with a row from 0") as caught:
        parse_id(text)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["train:4", "test:2", "test:999999999"])
def test_unknown_rows_name_the_range(text):
    message = f"no image '{text}' in 'small', which has train:0 to train:3 and test:0 to test:1"
    with pytest.raises(DataError, match=message):
        small().image(text)


def test_wrong_arguments_are_value_errors():
    with pytest.raises(ValueError, match=r"`split` must be .* got 'val:1'"):
        image_id("val", 1)
    with pytest.raises(ValueError, match="`row` 0 or more, got 'test:-1'"):
        image_id("test", -1)
    with pytest.raises(ValueError, match="must be 'train' or 'test', got 'val'"):
        small().split("val")


# building


def test_without_labels_keeps_the_images():
    data = small().without_labels()
    assert data.train.labels is None
    assert data.test.labels is None
    assert data.class_names == ()
    assert data.sha256 != small().sha256


def test_hash_changes_with_pixels_order_and_labels():
    train, test = splits()
    names = ("a", "b")

    def sha256(train, test):
        return build_dataset(name="x", train=train, test=test, class_names=names).sha256

    base = sha256(train, test)
    assert base == sha256(train, test)
    flipped = Split(images=train.images.flip(0), labels=train.labels)
    relabelled = Split(images=train.images, labels=1 - train.labels)
    assert len({base, sha256(flipped, test), sha256(relabelled, test)}) == 3


def test_unfit_parts_are_refused():
    for num_train, num_test in ((1, 1), (2, 0), (0, 3)):
        train, test = splits(num_train, num_test, labels=False)
        message = f"`x` is too small: {num_train} train and {num_test} test images, at least 2 and"
        with pytest.raises(DataError, match=message):
            build_dataset(name="x", train=train, test=test)
    train, test = splits()
    bare = Split(images=test.images, labels=None)
    for arguments in (
        {"train": train, "test": bare, "class_names": ("a", "b")},
        {"train": train, "test": test, "class_names": ()},
        {"train": bare, "test": bare, "class_names": ("a",)},
    ):
        with pytest.raises(DataError, match="labels in both splits and class names, or neither"):
            build_dataset(name="x", **arguments)
    with pytest.raises(DataError, match=r"labels outside \[0, 1\)"):
        build_dataset(name="x", train=train, test=test, class_names=("a",))


@pytest.mark.parametrize("seed", [0, 1])
def test_one_in_seven_of_each_label_is_drawn(seed):
    labels = np.repeat([0, 5, 9, 11], [70, 15, 2, 1])
    shuffled = RNG.permutation(labels)
    in_test = draw_test(shuffled, seed)
    drawn = {label: int(in_test[shuffled == label].sum()) for label in (0, 5, 9, 11)}
    assert drawn == {0: 10, 5: 2, 9: 1, 11: 0}
    assert np.array_equal(in_test, draw_test(shuffled, seed))
    assert not np.array_equal(in_test, draw_test(shuffled, seed + 2))


# folders


def test_folder_without_labels(tmp_path):
    images = fill(tmp_path / "drawings", 21)
    data = load_dataset(tmp_path / "drawings")
    assert data.name == "drawings"
    assert data.train.labels is None
    assert data.class_names == ()
    assert (len(data.train), len(data.test)) == (18, 3)
    rows = torch.from_numpy(draw_test(np.zeros(21, np.int64), 0))
    assert torch.equal(data.train.images, images[~rows])
    assert torch.equal(data.test.images, images[rows])
    assert data.report == ("One in seven of the images was drawn for test, with seed 0.",)


def test_sub_folders_are_labels_in_sorted_order(tmp_path):
    expected = {name: fill(tmp_path / name, 14) for name in ("b", "a", "10", "c d")}
    data = load_dataset(str(tmp_path), seed=3)
    assert data.class_names == ("10", "a", "b", "c d")
    for label, name in enumerate(data.class_names):
        parts = [split.images[split.labels == label] for split in (data.train, data.test)]
        assert [len(part) for part in parts] == [12, 2]
        assert sorted(torch.cat(parts).flatten(1).tolist()) == sorted(
            expected[name].flatten(1).tolist()
        )
    again = load_dataset(tmp_path, seed=3)
    assert again.sha256 == data.sha256 != load_dataset(tmp_path, seed=4).sha256


def test_given_splits_are_honoured(tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        for label in ("x", "y"):
            fill(tmp_path / split / label, count)
    fill(tmp_path / "test" / "z", 1)
    data = load_dataset(tmp_path)
    assert data.class_names == ("x", "y", "z")
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.test.labels.tolist() == [0, 0, 1, 1, 2]
    assert data.report == ()


def test_given_splits_without_labels(tmp_path):
    train = fill(tmp_path / "train", 3)
    test = fill(tmp_path / "test", 2)
    data = load_dataset(tmp_path)
    assert torch.equal(data.train.images, train)
    assert torch.equal(data.test.images, test)
    assert data.train.labels is None


def test_train_may_be_a_label(tmp_path):
    for name in ("train", "bus", "plane"):
        fill(tmp_path / name, 3)
    assert load_dataset(tmp_path).class_names == ("bus", "plane", "train")


def test_what_was_done_to_a_folder_is_reported(tmp_path):
    fill(tmp_path, 12, size=32)
    fill(tmp_path, 2, names="small{}.png")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    report = load_dataset(tmp_path).report
    assert report == (
        "12 images were resized from 32 x 32.",
        "Left out, not being images: 'notes.txt'.",
        "One in seven of the images was drawn for test, with seed 0.",
    )


def test_folder_named_like_a_built_in_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "mnist", 3)
    assert len(load_dataset("./mnist").train) == 2
    assert len(load_dataset("mnist").train) == 60_000


def refused(path, message):
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(path)
    assert "\n" not in str(caught.value)


def test_empty_folders_are_refused_by_name(tmp_path):
    refused(tmp_path, "holds no images. Found nothing. Images end in .png")
    (tmp_path / "notes.heic").write_text("x")
    refused(tmp_path, "holds no images. Found 'notes.heic'")
    (tmp_path / "notes.heic").unlink()
    fill(tmp_path / "a", 5)
    (tmp_path / "b").mkdir()
    refused(tmp_path, r"/b` holds no images")


def test_sets_that_are_too_small_are_refused(tmp_path):
    fill(tmp_path / "one", 1)
    refused(tmp_path / "one", "`one` is too small: 1 train and 0 test images")
    fill(tmp_path / "two", 2)
    refused(tmp_path / "two", "`two` is too small: 1 train and 1 test images")


def test_muddled_folders_are_refused(tmp_path):
    fill(tmp_path / "deep" / "label" / "inner", 3)
    refused(tmp_path / "deep", r"label/inner` lies too deep: .* is a label")
    fill(tmp_path / "mixed", 3)
    fill(tmp_path / "mixed" / "label", 3)
    refused(tmp_path / "mixed", r"has images \('00.png', .*\) beside sub-folders. Put each")
    fill(tmp_path / "half" / "train", 3)
    refused(tmp_path / "half", "has 'train' but no 'test'. Add it, or name the folder")
    fill(tmp_path / "half" / "test" / "a", 3)
    refused(tmp_path / "half", "only some of its splits have a sub-folder for each label")
    fill(tmp_path / "half" / "extra", 3)
    refused(tmp_path / "half", "has 'extra' beside 'test', 'train'. Move them out")
    fill(tmp_path / "twice" / "train", 3)
    fill(tmp_path / "twice" / "test", 3)
    fill(tmp_path / "twice" / "Training", 3)
    refused(tmp_path / "twice", "several folders of one split: .* Join them")


def test_unreadable_files_are_refused_by_name(tmp_path):
    fill(tmp_path, 5)
    (tmp_path / "03.png").write_bytes(b"hello")
    refused(tmp_path, r"03.png` cannot be read as an image")


def test_links_out_of_the_folder_are_refused(tmp_path):
    fill(tmp_path / "outside", 3)
    fill(tmp_path / "inside" / "a", 3)
    link = tmp_path / "inside" / "b"
    link.symlink_to(tmp_path / "outside")
    refused(tmp_path / "inside", r"inside/b` is a link out of .* Replace it by a copy")
    link.unlink()
    link = tmp_path / "inside" / "a" / "x.png"
    link.symlink_to(tmp_path / "outside" / "00.png")
    refused(tmp_path / "inside", r"a/x.png` is a link out of")
    link.unlink()
    link.symlink_to(tmp_path / "inside" / "a" / "00.png")
    assert len(load_dataset(tmp_path / "inside").ids) == 4
    link.unlink()
    link.symlink_to(link)
    refused(tmp_path / "inside", "neither a file nor a folder")
    link.unlink()
    os.mkfifo(link)
    refused(tmp_path / "inside", "neither a file nor a folder")


# .npz


def savez(tmp_path, **arrays):
    np.savez(tmp_path / "set.npz", **arrays)
    return tmp_path / "set.npz"


def test_npz_with_everything(tmp_path):
    images, labels = noise(6), np.array([0, 3, 0, 3, 1, 1], np.uint8)
    words = np.array(["train", "test", "test", "train", "train", "train"])
    data = load_dataset(savez(tmp_path, images=images, labels=labels, split=words))
    assert data.name == "set"
    assert torch.equal(data.train.images, torch.from_numpy(images[[0, 3, 4, 5]])[:, None])
    assert torch.equal(data.test.images, torch.from_numpy(images[[1, 2]])[:, None])
    assert data.train.labels.tolist() == [0, 2, 1, 1]
    assert data.train.labels.dtype == torch.int64
    assert data.class_names == ("0", "1", "3")
    assert data.report == ()


def test_npz_of_floats_of_another_size(tmp_path):
    images = noise(14, 56, 56)
    data = load_dataset(savez(tmp_path, images=(images / 255).astype(np.float32)))
    assert data.train.labels is None
    assert data.report == (
        "Values from 0 to 0.388235 were read with 1 as white.",
        "14 images were resized from 56 x 56.",
        "1 of 14 images are dark on light, too few to invert the set.",
        "One in seven of the images was drawn for test, with seed 0.",
    )
    assert data.sha256 == load_dataset(savez(tmp_path, images=images)).sha256


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": np.arange(5)}, r"labels` must have shape \(6,\), one for each image"),
        ({"labels": np.zeros((6, 2), int)}, r"got \(6, 2\). Use .argmax\(1\)"),
        ({"labels": np.arange(6) / 2}, "whole numbers or words, got 0.5 in row 1"),
        ({"labels": np.full(6, np.nan)}, "whole numbers or words, got nan in row 0"),
        ({"split": np.array(["train"] * 5 + ["fold"])}, "'train' and 'test', got 'fold', 'tr"),
        ({"split": np.zeros(6, bool)}, "words 'train' and 'test', got 'False'"),
        ({"split": np.array(["test"])}, r"shape \(6,\)"),
        ({"split": np.array(["test"] * 6)}, "too small: 0 train and 6 test"),
        (
            {"weights": np.arange(5)},
            "unknown keys: 'weights'. Expected 'images' and, optionally, 'l",
        ),
        ({"images": noise(1)}, "too small: 1 train and 0 test"),
        ({"images": np.zeros((6, 784), np.uint8)}, r"Use .reshape\(-1, 28, 28\)"),
        ({"images": np.full((6, 28, 28), np.nan)}, "NaN or infinity in row 0"),
    ],
)
def test_unfit_npz_is_refused(tmp_path, arrays, message):
    path = savez(tmp_path, **{"images": noise(6), **arrays})
    with pytest.raises(DataError, match=message):
        load_dataset(path)


def test_other_sources_are_refused(tmp_path):
    refused(
        "minst",
        "There is no data set 'minst'. Use 'mnist', 'shapes', 'shapes-shortcut', 'fashion-mnist'",
    )
    np.save(tmp_path / "x.npy", noise(5))
    refused(
        tmp_path / "x.npy",
        "must be a folder of images, a .zip of one, an .npz file, or a .csv of",
    )


# downloads


@pytest.mark.parametrize("name", REMOTE)
@pytest.mark.parametrize("error", [urllib.error.URLError("no route"), TimeoutError("timed out")])
def test_missing_network_is_said_clearly(tmp_path, monkeypatch, name, error):
    def fail(*_, **__):
        assert socket.getdefaulttimeout() == 30
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    refused_by = (
        rf"'{name}' could not be downloaded to .*(no route|timed out).* Connect to the net"
    )
    with pytest.raises(DataError, match=refused_by) as caught:
        load_dataset(name, root=tmp_path)
    assert "or use 'mnist', which needs no network" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert socket.getdefaulttimeout() is None


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">I{array.ndim}I", 2048 + array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


def write_remote(root: Path, factory: str, prefix: str, test: str, images):
    for split, part in (("train", images[:4]), (test, images[4:])):
        write_idx(root / factory / "raw" / f"{prefix}{split}-images-idx3-ubyte", part)
        labels = np.arange(len(part), dtype=np.uint8)
        write_idx(root / factory / "raw" / f"{prefix}{split}-labels-idx1-ubyte", labels)


DOWNLOADED = {
    "fashion-mnist": ("", "t10k", "T-shirt/top", 10),
    "kmnist": ("", "t10k", "o", 10),
    "emnist-digits": ("emnist-digits-", "test", "0", 10),
}
"""Of each set how its files and those of the test split begin, its first class, its classes."""


@pytest.mark.parametrize("name", REMOTE)
def test_downloaded_files_are_read(tmp_path, monkeypatch, name):
    images, remote = noise(6), REMOTE[name]
    prefix, test, first_class, num_classes = DOWNLOADED[name]
    write_remote(tmp_path, remote.factory, prefix, test, images)
    monkeypatch.setenv("XAI_DATA", str(tmp_path))
    data = load_dataset(name)
    upright = images.transpose(0, 2, 1) if remote.transposed else images
    assert torch.equal(data.train.images, torch.from_numpy(upright[:4, None].copy()))
    assert torch.equal(data.test.images, torch.from_numpy(upright[4:, None].copy()))
    assert data.test.labels.tolist() == [0, 1]
    assert data.class_names[0] == first_class
    assert len(data.class_names) == num_classes
    assert data.source == remote.credit


def test_packed_files_in_the_folder_itself_are_read(tmp_path):
    write_remote(tmp_path, "raw", "", "t10k", images := noise(6))
    for file in (tmp_path / "raw" / "raw").iterdir():
        (tmp_path / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    data = load_dataset("fashion-mnist", root=tmp_path)
    assert torch.equal(data.train.images, torch.from_numpy(images[:4, None]))


@pytest.mark.parametrize("damage", ["empty", "cut", "size"])
def test_half_written_downloads_are_named(tmp_path, damage):
    write_remote(
        tmp_path, "KMNIST", "", "t10k", noise(6, 20, 20) if damage == "size" else noise(6)
    )
    path = tmp_path / "KMNIST" / "raw" / "train-images-idx3-ubyte"
    if damage != "size":
        path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"'kmnist' in .*KMNIST` is damaged .* Delete that folder"):
        load_dataset("kmnist", root=tmp_path)


def test_sets_at_hand_need_no_network(tmp_path):
    assert registry.available_offline(tmp_path) == ("mnist", *shapes.NAMES)
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").touch()
    assert registry.available_offline(tmp_path) == ("mnist", *shapes.NAMES, "kmnist")


def test_the_names_are_those_of_the_sets_that_are_made_and_of_the_downloads():
    assert BUILT_IN == ("mnist", *shapes.NAMES, *REMOTE)
