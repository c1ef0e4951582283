"""Images, labels and splits in the forms in which they come: read rightly and in one way."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from xai_core.data.digits import normalise_digit
from xai_core.data.io.image_files import read_upload
from xai_core.data.io.pixel_values import check_pixels
from xai_core.data.labels import check_labels
from xai_core.data.preprocessing import (
    Preprocessing,
    Wanted,
    convert_array,
    convert_path,
    read_images,
)
from xai_core.data.registry import load_dataset
from xai_core.errors import DataError

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (14, 28, 28), dtype=np.uint8)
BYTES[0, 0, :2] = 0, 255
COLOURS = RNG.integers(0, 256, (14, 28, 28, 3), dtype=np.uint8)


def seven(ink, ground, side=56):
    """A seven, in one grey on another."""
    image = np.full((side, side), ground, np.uint8)
    image[10:16, 12:44] = ink
    for row in range(16, 48):
        left = 38 - (row - 16) // 2
        image[row, left : left + 6] = ink
    return image


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


# the range decides


def test_the_range_of_the_set_says_what_is_white(subtests):
    for array, white, rounding in [
        (BYTES, 255, 0),
        (BYTES.astype(np.int64), 255, 0),
        (BYTES.astype(np.float32), 255, 0),
        (BYTES / 255, 1, 0),
        (BYTES / 255 * 1.0000001, 1, 0),
        (BYTES / 255 - 1e-9, 1, 0),
        (BYTES.astype(np.float16) / np.float16(255), 1, 0),
        (BYTES / 255 * 16, 16, 0),
        (np.rint(BYTES / 255 * 16), 16, 8),
        (np.rint(BYTES / 255 * 16).astype(np.uint8), 16, 8),
        (np.rint(BYTES / 255 * 1023).astype(np.uint16), 1023, 0),
        (np.rint(BYTES / 255 * 4095).astype(np.int32), 4095, 0),
        (BYTES.astype(np.uint16) * 257, 65535, 0),
        (BYTES > 127, 1, 127),
        ((BYTES > 127).astype(np.uint8), 1, 127),
    ]:
        with subtests.test(array=array, white=white, rounding=rounding):
            found = check_pixels(array, "images")
            assert found.full_scale == white
            assert np.abs(found.images[:, 0].astype(int) - BYTES).max() == rounding
            assert bool(found.notes) == (array.dtype != np.uint8 or white != 255)
            assert all(f"{white} as white" in note for note in found.notes)


def test_other_ranges_are_refused_by_row(subtests):
    for array, message in [
        (np.full((2, 28, 28), np.nan), "NaN or infinity in row 0"),
        (np.stack([BYTES[0] / 255, np.full((28, 28), np.inf)]), "NaN or infinity in row 1"),
        (BYTES / 255 * 1.5, r"values from 0 to 1.5 in row 0. Expected a range of 0 to 1, 0 to 16"),
        (BYTES / 255 - 0.5, "values from -0.5 .* Shift and scale"),
        (BYTES * 1e6, "Divide them by their white"),
        (-BYTES.astype(int), "Shift and scale"),
        (BYTES / 127.5 - 1, "values from -1 .* Shift and scale"),
        ((BYTES / 255 - 0.449) / 0.226, "values from -1.98.* Shift and scale"),
        (BYTES.astype(int) * 300, "values from 0 to 76500 .*Divide them by their white"),
        (BYTES.astype(np.int8), "values from -[0-9]+ .*Shift and scale"),
        (BYTES.astype(np.int16) * 16 - 1024, "values from -1024 .*Shift and scale"),
        (BYTES / 255 - 0.01, "values from -0.01 .*Shift and scale"),
        (BYTES / 255 * 1.2, "values from 0 to 1.2 "),
        (np.where(BYTES > 250, np.nan, BYTES / 255), "NaN or infinity in row"),
        (BYTES.astype(complex), "complex"),
    ]:
        with subtests.test(array=array, message=message):
            with pytest.raises(DataError, match=message):
                check_pixels(array, "images")


FIRST = COLOURS.transpose(0, 3, 1, 2)
ARRAYS_IN_COLOUR = {
    "bytes": COLOURS,
    "colours first": FIRST,
    "floats to 255": COLOURS.astype(float),
    "floats": COLOURS / 255,
    "half floats": (COLOURS / 255).astype(np.float16),
    "floats, colours first": (FIRST / 255).astype(np.float32),
    "whole numbers": COLOURS.astype(np.int64),
    "whole numbers, colours first": FIRST.astype(np.int32),
    "16 bits": COLOURS.astype(np.uint16) * 257,
    "16 bits in the other order": (COLOURS.astype(np.uint16) * 257).astype(">u2"),
    "floats to 65,535": COLOURS * 257.0,
    "a little above 1": COLOURS / 255 * 1.0000001,
    "in another order of memory": np.asfortranarray(COLOURS),
    "every second of more": COLOURS.repeat(2, 0)[::2],
}


def same_as_files(found, files):
    """Half floats are the nearest numbers that there are."""
    return (found.int() - files.int()).abs().max() <= 1 and found.shape == files.shape


def test_colours_of_arrays_are_read_as_those_of_files(tmp_path, subtests):
    for number, image in enumerate(COLOURS):
        save(tmp_path / "set" / f"{number:02}.png", image)
    for wanted, channels in ((Wanted(), 3), (Wanted(strategy="glyphs"), 1)):
        files = load_dataset(tmp_path / "set", wanted=wanted)
        assert files.spec.channels == channels
        for name, colours in ARRAYS_IN_COLOUR.items():
            with subtests.test(name=name, channels=channels):
                np.savez(tmp_path / "set.npz", images=colours)
                found = load_dataset(tmp_path / "set.npz", wanted=wanted)
                assert found.spec == files.spec
                assert same_as_files(found.train.images, files.train.images)
                assert name == "half floats" or torch.equal(found.train.images, files.train.images)
                said = any("made grey from colour" in sentence for sentence in found.report)
                assert said == (channels == 1)
    assert any("converted to grey from RGB" in sentence for sentence in files.report)


def with_opacity(mode):
    def write(path, image):
        Image.fromarray(image).convert(mode).save(path.with_suffix(".png"))

    return write


def written(suffix, **options):
    def write(path, image):
        Image.fromarray(image).save(path.with_suffix(suffix), **options)

    return write


def in_palette(path, image):
    Image.fromarray(image // 64 * 64).quantize(256).save(path.with_suffix(".png"))


FILES_IN_COLOUR = {
    "PNG": written(".png"),
    "PNG with opacity": with_opacity("RGBA"),
    "BMP": written(".bmp"),
    "TIFF": written(".tif"),
    "packed TIFF": written(".tiff", compression="tiff_lzw"),
    "WebP": written(".webp", lossless=True),
    "PPM": written(".ppm"),
    "PNG with a resolution": written(".png", dpi=(300, 300)),
    "an upper-case suffix": lambda path, image: Image.fromarray(image).save(
        path.with_suffix(".PNG")
    ),
    "JPEG": written(".jpg", quality=100, subsampling=0),
    "CMYK": lambda path, image: (
        Image.fromarray(image).convert("CMYK").save(path.with_suffix(".tif"))
    ),
    "a palette": in_palette,
}


def test_files_in_colour_are_read_in_colour_whatever_their_kind(tmp_path, subtests):
    for row, (name, write) in enumerate(FILES_IN_COLOUR.items()):
        with subtests.test(name=name):
            place = tmp_path / str(row)
            place.mkdir()
            for number, image in enumerate(COLOURS):
                write(place / f"{number:02}", image)
            found = read_images(place, convert_path(place, None).preprocessing)
            assert found.shape == (14, 3, 28, 28)
            wanted = torch.from_numpy(FIRST.copy()) if name != "a palette" else None
            if name == "JPEG":
                assert (found.int() - wanted.int()).abs().float().mean() < 4
            elif wanted is not None:
                assert torch.equal(found, wanted)


GREY_FORMS = {
    "grey": lambda x: x,
    "grey as colour": lambda x: x[..., None].repeat(3, -1),
    "grey as colour, first": lambda x: x[:, None].repeat(3, 1),
    "one channel": lambda x: x[..., None],
    "one channel, first": lambda x: x[:, None],
    "floats": lambda x: x / 255,
    "two levels of colour": lambda x: np.stack([x, x, x], -1) / 255,
    "nearly grey": lambda x: np.stack([x, np.maximum(x, 1), x], -1),
    "16 bits": lambda x: x.astype(np.uint16) * 257,
    "whole numbers": lambda x: x.astype(np.int16),
}


def test_grey_stays_grey_whatever_its_form(subtests):
    for name, form in GREY_FORMS.items():
        with subtests.test(name=name):
            found = convert_array(form(BYTES))
            assert found.preprocessing.channels == 1
            assert (found.images[:, 0].numpy().astype(int) - BYTES).max() <= 1


@pytest.mark.parametrize(
    ("shape", "fix"),
    [
        ((14, 28, 28, 4), r"Leave the opacity out: images\[..., :3\]"),
        ((14, 28, 28, 2), r"Leave the opacity out: images\[..., :1\]"),
        ((14, 3, 28, 3), "Make it"),
        ((14, 28, 28, 5), "must have shape"),
        ((14, 2, 28, 28), "must have shape"),
        ((14, 4, 28, 28), "must have shape"),
        ((28, 28), "Use images.None. for a single image"),
        ((14, 784), "reshape.-1, 28, 28."),
        ((2, 7, 28, 28, 3), "must have shape"),
        ((14,), "must have shape"),
        ((0, 28, 28, 3), "N >= 1"),
    ],
)
def test_other_forms_of_colours_are_refused_with_a_fix(shape, fix):
    with pytest.raises(DataError, match=fix):
        convert_array(np.zeros(shape, np.uint8))


def in_one_array(suffix, dtype):
    def write(place, deep):
        file = place / f"set{suffix}"
        saved = np.save if suffix == ".npy" else lambda name, x: np.savez(name, images=x)
        saved(file, deep.astype(dtype))
        return file

    return write


def in_files(suffix, **options):
    def write(place, deep):
        for number, image in enumerate(deep.astype(np.uint16)):
            Image.fromarray(image).save(place / f"{number:02}{suffix}", **options)
        return place

    return write


DEEP = {
    "PNG": in_files(".png"),
    "TIFF": in_files(".tif"),
    "packed TIFF": in_files(".tiff", compression="tiff_lzw"),
    "PGM": in_files(".pgm"),
    "npz": in_one_array(".npz", np.uint16),
    "npz of the other order": in_one_array(".npz", ">u2"),
    "npz of whole numbers": in_one_array(".npz", np.int32),
    "npz of floats": in_one_array(".npz", np.float32),
    "npy": in_one_array(".npy", np.uint16),
    "npy of signed numbers": in_one_array(".npy", np.int64),
}


def test_deep_grey_is_read_by_the_range_of_the_set(tmp_path, some, subtests):
    for bits in (8, 10, 12, 14, 16):
        white = 2**bits - 1
        deep = np.rint(BYTES / 255 * white)
        for name, write in some(DEEP.items()):
            with subtests.test(name=name, bits=bits):
                place = tmp_path / f"{bits} {name}"
                place.mkdir()
                source = write(place, deep)
                found = convert_path(source, None)
                assert np.abs(found.images[:, 0].numpy().astype(int) - BYTES).max() <= 1
                assert found.preprocessing.full_scale == white
                again = read_images(source, found.preprocessing)
                assert torch.equal(again, found.images)
                sentence = f"Values from 0 to {white} were read with {white} as white."
                assert sentence in found.report or bits == 16
        alone = (tmp_path / f"{bits} PNG" / "00.png").read_bytes()
        upload = check_pixels(read_upload(alone, "x").pixels[None], "x").images[0, 0]
        assert np.abs(upload.astype(int) - BYTES[0]).max() <= 1


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (30, 20), (60, 64)])
@pytest.mark.parametrize("white", [16, 255, 1023, 65535])
def test_a_file_and_an_array_of_the_same_values_are_the_same_image(tmp_path, white, size):
    noise = np.random.default_rng(0)
    dtype = np.uint8 if white < 256 else np.uint16
    values = noise.integers(0, white + 1, (9, *size)).astype(dtype)
    for number, image in enumerate(values):
        save(tmp_path / f"{number}.png", image)
    found = convert_path(tmp_path, None)
    assert found.preprocessing.full_scale == white
    for array in (values, values / white):
        assert torch.equal(found.images, convert_array(array).images)
    upload = read_upload((tmp_path / "3.png").read_bytes(), "x").pixels
    alone = convert_array(upload[None], "x", found.preprocessing)
    assert torch.equal(found.images[3:4], alone.images)


TRAINED_ON = {
    "8 x 8, 0 to 16": lambda: np.rint(BYTES[:, :8, :8] / 255 * 16),
    "8 x 8 floats": lambda: BYTES[:, :8, :8] / 255,
    "12 x 9 bytes": lambda: BYTES[:, :12, :9],
    "dark on light": lambda: 255 - np.where(BYTES > 250, BYTES, 0).astype(np.uint8),
    "12 bits": lambda: BYTES.astype(np.uint16) * 16,
    "two levels": lambda: BYTES > 200,
    "64 x 64": lambda: BYTES.repeat(3, 1).repeat(3, 2)[:, :64, :64],
    "colour": lambda: COLOURS,
    "colour, floats": lambda: COLOURS.transpose(0, 3, 1, 2) / 255,
    "colour, 16 x 40": lambda: COLOURS[:, :16].repeat(2, 2)[:, :, :40],
    "grey as colour": lambda: BYTES[..., None].repeat(3, -1),
    "one channel": lambda: BYTES[:, None] / 255,
}
"""Forms of a file that a bundle is trained on and that its commands are given again."""


@pytest.mark.parametrize("name", TRAINED_ON)
def test_the_file_of_a_training_is_read_again_as_it_was_then(tmp_path, name):
    split = np.array(["train"] * 10 + ["test"] * 4)
    np.savez(tmp_path / "set.npz", images=TRAINED_ON[name](), split=split)
    data = load_dataset(tmp_path / "set.npz")
    stored = torch.cat([data.train.images, data.test.images])
    found = read_images(tmp_path / "set.npz", data.preprocessing)
    assert torch.equal(found, stored) and found.shape[1:] == data.spec.shape
    few = TRAINED_ON[name]()[3:5]
    np.savez(tmp_path / "few.npz", images=few)
    assert torch.equal(read_images(tmp_path / "few.npz", data.preprocessing), stored[3:5])


# keys of arrays


def test_a_set_in_two_arrays_is_known_by_the_usual_keys(tmp_path, subtests):
    labels = np.arange(14) % 2
    for number, keys in enumerate([
        ("images", "labels"), ("X", "y"), ("x", "y"), ("data", "target"), ("arr_0", "arr_1"),
        ("image", "label"), ("Images", "Labels"), ("imgs", "targets"), ("data", "labels"),
        ("img", "class"), ("pixels", "label"), ("inputs", "targets"), ("X", "category"),
    ]):  # fmt: skip
        with subtests.test(keys=keys):
            file = tmp_path / f"{number}.npz"
            np.savez(file, **dict(zip(keys, (BYTES, labels), strict=True)))
            found = load_dataset(file)
            assert (len(found.train), len(found.test), found.class_names) == (12, 2, ("0", "1"))
            assert torch.equal(read_images(file), torch.from_numpy(BYTES)[:, None])


def test_a_set_in_parts_is_known_by_the_usual_keys(tmp_path, subtests):
    labels = np.arange(14) % 2
    parts = (BYTES[:10], labels[:10], BYTES[10:], labels[10:])
    for number, keys in enumerate([
        ("x_train", "y_train", "x_test", "y_test"),
        ("X_train", "y_train", "X_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("x_train", "y_train", "x_val", "y_val"),
        ("images_training", "labels_training", "images_testing", "labels_testing"),
        ("trainX", "trainy", "testX", "testy"),
        ("train_set_x", "train_set_y", "test_set_x", "test_set_y"),
        ("X_tr", "y_tr", "X_te", "y_te"),
        ("train_x", "train_y", "valid_x", "valid_y"),
        ("train/images", "train/labels", "test/images", "test/labels"),
        ("trainData", "trainLabels", "testData", "testLabels"),
        ("train data", "train target", "test data", "test target"),
        ("XTRAIN", "YTRAIN", "XTEST", "YTEST"),
        ("train.img", "train.class", "dev.img", "dev.class"),
    ]):  # fmt: skip
        with subtests.test(keys=keys):
            file = tmp_path / f"{number}.npz"
            np.savez(file, **dict(zip(keys, parts, strict=True)))
            found = load_dataset(file)
            assert torch.equal(found.train.images, torch.from_numpy(BYTES[:10])[:, None])
            assert torch.equal(found.test.images, torch.from_numpy(BYTES[10:])[:, None])
            assert found.test.labels.tolist() == [0, 1, 0, 1]


def test_validation_images_beside_test_images_join_the_train_images(tmp_path):
    parts = {"train_images": BYTES[:8], "val_images": BYTES[8:11], "test_images": BYTES[11:]}
    np.savez(tmp_path / "set.npz", **parts)
    found = load_dataset(tmp_path / "set.npz")
    assert torch.equal(found.train.images, torch.from_numpy(BYTES[:11])[:, None])
    assert found.report[0] == "The validation images were added to the train images."


def test_rows_of_pixels_are_square_images_where_labels_count_them(tmp_path):
    np.savez(tmp_path / "set.npz", data=BYTES.reshape(14, 784), target=np.arange(14) % 2)
    assert torch.equal(read_images(tmp_path / "set.npz"), torch.from_numpy(BYTES)[:, None])


# labels


def test_there_are_as_many_classes_as_distinct_labels(subtests):
    for labels, classes, names in [
        ([1, 2, 3, 1], [0, 1, 2, 0], ("1", "2", "3")),
        ([0, 5, 900, 5], [0, 1, 2, 1], ("0", "5", "900")),
        ([-1, 1, -1, 1], [0, 1, 0, 1], ("-1", "1")),
        (["cat", "dog", "ant", "dog"], [1, 2, 0, 2], ("ant", "cat", "dog")),
        ([2.0, 4.0, 2.0, 2.0], [0, 1, 0, 0], ("2", "4")),
        ([True, False, True, True], [1, 0, 1, 1], ("False", "True")),
        ([[3], [3], [1], [1]], [1, 1, 0, 0], ("1", "3")),
        (np.array([7, 7, 7, 7], np.uint8), [0, 0, 0, 0], ("7",)),
        (np.array([2**63, 0, 0, 1], np.uint64), [2, 0, 0, 1], ("0", "1", str(2**63))),
        (["10", "9", "9", "10"], [0, 1, 1, 0], ("10", "9")),
    ]:
        with subtests.test(labels=labels, classes=classes, names=names):
            found, class_names = check_labels(np.array(labels), 4, "labels")
            assert found.tolist() == classes and class_names == names


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (np.array(["cat", "dog"]), ("cat", "dog")),
        (np.array([b"cat", b"dog"]), ("cat", "dog")),
        (np.array(["caf\u00e9".encode(), b"x"]), ("caf\u00e9", "x")),
        (np.array(["caf\u00e9", "x"]), ("caf\u00e9", "x")),
        (np.array([b"1", b"0"]), ("0", "1")),
        (np.array(["a b", "c\td"]), ("a b", "c\td")),
    ],
)
def test_words_may_be_stored_as_text_or_as_bytes(tmp_path, words, names):
    split = np.array(["train"] * 10 + ["test"] * 4).astype(words.dtype.kind)
    arrays = {"images": BYTES, "labels": words[np.arange(14) % 2], "split": split}
    np.savez(tmp_path / "set.npz", **arrays)
    found = load_dataset(tmp_path / "set.npz")
    assert found.class_names == names and len(found.test) == 4
    assert torch.equal(read_images(tmp_path / "set.npz"), torch.from_numpy(BYTES)[:, None])


@pytest.mark.parametrize("broken", [b"\xff\xfe", b"x" * 100_000])
def test_bytes_that_are_no_words_are_refused(tmp_path, broken):
    np.savez(tmp_path / "set.npz", images=BYTES, labels=np.array([broken] * 14))
    with pytest.raises(DataError, match="labels|cannot be read"):
        load_dataset(tmp_path / "set.npz")


def test_names_of_classes_come_with_the_labels(tmp_path):
    names = np.array(["red", "white", "platelet"])
    np.savez(tmp_path / "set.npz", images=BYTES, labels=np.arange(14) % 2 * 2, names=names)
    assert load_dataset(tmp_path / "set.npz").class_names == ("red", "platelet")
    np.savez(tmp_path / "set.npz", images=BYTES, labels=np.arange(14), names=names)
    with pytest.raises(DataError, match="numbers from 0 where the names of classes are given"):
        load_dataset(tmp_path / "set.npz")


# splits


SPLITS = [
    ("train", "test"), ("train", "val"), ("Train", "Test"), ("Training", "Testing"),
    ("training", "validation"), ("TRAIN", "VALID"), ("train", "dev"), ("Train", "Val"),
    ("training_set", "test_set"), ("train_images", "test_images"), ("trn", "tst"),
    ("train", "eval"), ("Train", "Evaluation"), ("train", "holdout"),
    ("trainset", "testset"), ("train data", "test data"), ("Training-Set", "Validation-Set"),
]  # fmt: skip


@pytest.mark.parametrize("labels", [("a", "b"), ("",)])
def test_folders_of_a_split_are_known_by_the_usual_names(tmp_path, labels, some, subtests):
    for row, (train, test) in enumerate(some(SPLITS)):
        with subtests.test(train=train, test=test):
            place = tmp_path / str(row)
            for number, image in enumerate(BYTES):
                folder = place / (test if number > 9 else train) / labels[number % len(labels)]
                save(folder / f"{number:02}.png", image)
            found = load_dataset(place)
            assert (len(found.train), len(found.test)) == (10, 4)
            assert found.class_names == tuple(name for name in labels if name)
            assert len(read_images(place)) == 14
            words = np.array([test if number > 9 else train for number in range(14)])
            np.savez(place / "set.npz", images=BYTES, split=words)
            assert len(load_dataset(place / "set.npz").test) == 4


def test_a_folder_with_a_sub_folder_for_each_class_is_read_to_be_explained(tmp_path):
    for number, image in enumerate(BYTES[:4]):
        save(tmp_path / "ab"[number % 2] / f"{number}.png", image)
    (tmp_path / "notes.txt").write_text("x")
    assert torch.equal(read_images(tmp_path), torch.from_numpy(BYTES[[0, 2, 1, 3]])[:, None])
    assert "Left out, not being images: 'notes.txt'." in convert_path(tmp_path, None).report


def test_a_split_without_test_images_has_them_drawn(tmp_path):
    np.savez(tmp_path / "set.npz", images=BYTES, split=np.array(["train"] * 14))
    found = load_dataset(tmp_path / "set.npz")
    assert (len(found.train), len(found.test)) == (12, 2)
    assert "The split names no test images." in found.report


# polarity


def test_polarity_is_one_decision_for_a_set(subtests):
    for share in [0.0, 0.3, 0.66, 1.0]:
        for side in [28, 56]:
            with subtests.test(share=share, side=side):
                dark = np.array([seven(0, 255), *[seven(255, 0)]])
                picks = (np.arange(20) >= 20 * share).astype(int)
                images = dark[picks][:, :: 56 // side, :: 56 // side]
                found = convert_array(images)
                assert found.preprocessing.inverted == (share > 0.5)
                plain = convert_array(images, "images", Preprocessing()).images
                assert torch.equal(found.images, 255 - plain if share > 0.5 else plain)
                said = " ".join(found.report)
                assert ("inverted" in said or "too few to invert" in said) == (share > 0)
                again = convert_array(images[:3], "images", found.preprocessing)
                assert torch.equal(again.images, found.images[:3])


def test_ink_is_what_differs_from_the_border(subtests):
    for ink, ground in [
        (255, 150),
        (255, 0),
        (0, 255),
        (0, 150),
        (226, 173),
        (140, 100),
        (100, 140),
        (20, 235),
        (128, 0),
        (255, 254 - 20),
        (0, 24),
        (128, 255),
        (90, 60),
    ]:
        with subtests.test(ink=ink, ground=ground):
            expected = normalise_digit(seven(255, 0)).int()
            assert (normalise_digit(seven(ink, ground)).int() - expected).abs().max() <= 12


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("yellow", "orange"), ("orange", "yellow"), ("white", "yellow"), ("black", "navy"),
        ("red", "white"), ("blue", "black"), ("darkgreen", "lightgreen"), ("white", "skyblue"),
        ("grey", "pink"), ("brown", "beige"), ("purple", "magenta"), ("gold", "grey"),
    ],
)  # fmt: skip
def test_a_seven_in_one_colour_on_another_is_read(tmp_path, ink, ground):
    colours = [ImageColor.getrgb(name) for name in (ink, ground)]
    paint = np.where(seven(1, 0)[..., None] == 1, *colours).astype(np.uint8)
    upload = read_upload(save(tmp_path / "seven.png", paint).read_bytes(), "seven.png", channels=1)
    expected = normalise_digit(seven(255, 0)).int()
    assert (normalise_digit(upload.pixels).int() - expected).abs().max() <= 12


# home


@pytest.mark.parametrize("read", [load_dataset, read_images])
def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch, read):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "set.npz", images=BYTES)
    assert read("~/set.npz") is not None


def test_a_folder_around_the_set_is_named(tmp_path):
    for split in ("train", "test"):
        for number, image in enumerate(BYTES):
            save(tmp_path / "unzipped" / split / "ab"[number % 2] / f"{number}.png", image)
    with pytest.raises(DataError, match=r"Give `.*unzipped` itself"):
        load_dataset(tmp_path)
    assert len(load_dataset(tmp_path / "unzipped").test) == 14
    save(tmp_path / "other" / "1.png", BYTES[0])
    with pytest.raises(DataError, match="Move its images up, or it away"):
        load_dataset(tmp_path)
