import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from xai_core.data.digits import normalise_digit, stands_out
from xai_core.data.io.arrays import MAX_BYTES, read_npz
from xai_core.data.io.image_files import MAX_UPLOAD, read_picture, read_upload
from xai_core.data.io.pixel_values import check_pixels
from xai_core.data.preprocessing import (
    convert_array,
    convert_files,
    read_images,
    to_float,
)
from xai_core.data.registry import load_dataset
from xai_core.errors import DataError

RNG = np.random.default_rng(0)
DIGITS = RNG.integers(0, 256, (5, 28, 28), dtype=np.uint8)


def save(path, pixels, mode=None, **options):
    image = Image.fromarray(np.asarray(pixels))
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def npy_bytes(shape, descr="|u1", payload=b""):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + payload


def png_claiming(width, height):
    def chunk(kind, data):
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


# reading: arrays


@pytest.mark.parametrize("suffix", ["npy", "npz", "NPZ"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64, ">f4"])
def test_arrays_come_back_as_they_were(tmp_path, suffix, dtype):
    array = DIGITS if dtype == np.uint8 else (DIGITS / 255).astype(dtype)
    path = tmp_path / f"x.{suffix}"
    with path.open("wb") as file:
        np.save(file, array) if suffix == "npy" else np.savez_compressed(file, images=array)
    images = read_images(str(path))
    assert images.dtype == torch.uint8
    assert torch.equal(images, torch.from_numpy(DIGITS)[:, None])


def test_fortran_order_is_no_transpose(tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(DIGITS))
    images = read_images(tmp_path / "x.npy")
    assert images.is_contiguous()
    assert torch.equal(images, torch.from_numpy(DIGITS)[:, None])


def test_npz_of_a_data_set_gives_its_images(tmp_path):
    np.savez(tmp_path / "x.npz", images=DIGITS, labels=np.arange(5))
    assert len(read_images(tmp_path / "x.npz")) == 5


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((28, 28), np.uint8), r"got \(28, 28\). Use images\[None\]"),
        (np.zeros((3, 784), np.uint8), r"Use .reshape\(-1, 28, 28\)"),
        (np.zeros((3, 28, 28, 4), np.uint8), r"Leave the opacity out: images\[..., :3\]"),
        (np.zeros((3, 3, 28, 3), np.uint8), "may be the second or the last axis. Make it"),
        (np.zeros((0, 28, 28), np.uint8), r"N >= 1, got \(0, 28, 28\)"),
        (np.zeros((), np.uint8), r"got \(\)"),
        (np.zeros((2, 28, 28), complex), "complex128, expected numbers or text"),
        (np.full((2, 28, 28), "a"), "got <U1"),
        (DIGITS / 51, r"values from 0 to 5 in row 0. Expected a range of 0 to 1, .* Divide them"),
        (DIGITS * 1000.0, r"values from 0 to 255000 in row 0. .* Divide them by their white"),
        (DIGITS / 127.5 - 1, r"values from -1 .* Shift and scale them to \[0, 1\]"),
    ],
)
def test_other_arrays_are_refused_with_the_fix(tmp_path, array, message):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=message):
        read_images(tmp_path / "x.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_is_refused_by_row(tmp_path, value):
    array = DIGITS / 255
    array[3, 27, 0] = value
    np.savez(tmp_path / "x.npz", images=array)
    with pytest.raises(DataError, match=r"x.npz: images` has NaN or infinity in row 3"):
        read_images(tmp_path / "x.npz")


def test_first_row_outside_the_range_is_named():
    array = DIGITS / 255
    array[2, 5, 5] = 2.5
    with pytest.raises(DataError, match=r"to 2.5 in row 2"):
        check_pixels(array, "images")


def test_npz_keys_are_refused_by_name(tmp_path):
    np.savez(tmp_path / "x.npz", voxels=DIGITS)
    with pytest.raises(DataError, match=r"unknown keys: 'voxels'. Expected 'images'"):
        read_images(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", labels=np.arange(5))
    with pytest.raises(DataError, match="has no key 'images'"):
        read_images(tmp_path / "x.npz")


def test_key_that_is_there_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for name in ("images.npy", "images"):
            archive.writestr(name, npy_bytes((1, 28, 28), payload=bytes(784)))
    with pytest.raises(DataError, match="same key twice"):
        read_npz(tmp_path / "x.npz")


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_an_array_of_python_objects_is_refused_and_not_unpickled(tmp_path, suffix):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    array = np.array([Bomb()], dtype=object)
    path = tmp_path / f"x.{suffix}"
    np.save(path, array) if suffix == "npy" else np.savez(path, images=array)
    (tmp_path / "exploded").unlink(missing_ok=True)
    with pytest.raises(DataError, match="Python objects are never unpickled"):
        read_images(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (npy_bytes((10**9, 28, 28)), "claims 730.2 GiB, at most 2 GiB"),
        (npy_bytes((2_000_000, 28, 28)), "cut short: its header claims"),
        (npy_bytes((-1, 28, 28)), "cut short"),
        (npy_bytes((1, 28, 28), payload=bytes(783)), "784 bytes, and 783 are there"),
        (npy_bytes((2**70,), descr="|V0"), "expected numbers or text"),
        (b"\x93NUMPY\x03\x00" + bytes(200), r"version \(3, 0\)"),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': ((((((", "cannot be read as"),
        (b"", "cannot be read as"),
        (b"PK\x03\x04", "cannot be read as"),
    ],
)
def test_headers_are_not_believed(tmp_path, header, message):
    (tmp_path / "x.npy").write_bytes(header)
    with pytest.raises(DataError, match=message):
        read_images(tmp_path / "x.npy")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("images.npy", header)
    with pytest.raises(DataError, match=message):
        read_images(tmp_path / "x.npz")


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("xai_core.data.io.arrays.MAX_BYTES", 10_000)
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((100, 28, 28), np.uint8))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("a member was opened"))
    with pytest.raises(DataError, match=r"claims 0.0 GiB.* Save the images as uint8"):
        read_images(tmp_path / "x.npz")
    assert MAX_BYTES == 2**31


def test_corrupt_member_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, images=DIGITS)
    content = bytearray(path.read_bytes())
    content[2000] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x.npz` cannot be read as an .npz archive: Bad CRC"):
        read_images(path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), kind=st.sampled_from(["npy", "npz", "png", "gif", "tif", "bmp", "jpg"]))
@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_give_data_errors_only(tmp_path, data, kind):
    buffer = io.BytesIO()
    if kind == "npy":
        np.save(buffer, DIGITS)
    elif kind == "npz":
        np.savez_compressed(buffer, images=DIGITS)
    else:
        kinds = {"tif": "tiff", "jpg": "jpeg"}
        Image.fromarray(DIGITS[0]).save(buffer, kinds.get(kind, kind))
    content = bytearray(buffer.getvalue())
    for place in data.draw(st.lists(st.integers(0, min(300, len(content) - 1)), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / f"x.{kind}"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        images = read_images(path)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert images.shape[1:] == (1, 28, 28) or images.shape[1] == 3


# reading: image files


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif", "pgm", "PNG"])
def test_one_image_file(tmp_path, suffix):
    path = save(tmp_path / f"x.{suffix}", DIGITS[0])
    assert torch.equal(read_images(path), torch.from_numpy(DIGITS[:1])[:, None])


def test_folder_of_files_is_read_in_order_of_name(tmp_path):
    for name, digit in zip(["b.png", "a.png", "c.png"], DIGITS[:3], strict=True):
        save(tmp_path / name, digit)
    (tmp_path / ".DS_Store").write_bytes(b"x")
    assert torch.equal(read_images(tmp_path), torch.from_numpy(DIGITS[[1, 0, 2]])[:, None])


def test_other_paths_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"There is no file or folder `nowhere.png`"):
        read_images("nowhere.png")
    with pytest.raises(DataError, match="There is no file or folder"):
        read_images("nul\0byte.png")
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(DataError, match=r"x.txt` must be an .npz with key 'images', a .npy"):
        read_images(tmp_path / "x.txt")
    with pytest.raises(DataError, match=r"holds no images. .*Images end in .png"):
        read_images(tmp_path)


def test_truncated_file_is_refused(tmp_path):
    path = save(tmp_path / "x.png", DIGITS[0])
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(DataError, match=r"x.png` cannot be read as an image"):
        read_images(path)


@pytest.mark.parametrize("side", [5001, 9500, 10**5, 2**31 - 1])
def test_huge_image_is_refused_by_its_header(tmp_path, side, monkeypatch):
    (tmp_path / "x.png").write_bytes(png_claiming(side, side))
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(DataError, match=r"25 million (are|that are) read"):
        read_images(tmp_path / "x.png")


@pytest.mark.parametrize("suffix", ["gif", "png", "tif", "webp"])
def test_several_frames_are_refused(tmp_path, suffix):
    frames = [Image.fromarray(digit) for digit in DIGITS[:3]]
    frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"more than one frame or page. Save the one you mean"):
        read_images(tmp_path / f"x.{suffix}")


def test_foreign_format_behind_an_image_suffix_is_refused(tmp_path):
    save(tmp_path / "x.png", DIGITS[0], format="PCX")
    with pytest.raises(DataError, match="cannot identify image file"):
        read_images(tmp_path / "x.png")


def test_sixteen_bits_become_eight(tmp_path):
    path = save(tmp_path / "x.png", DIGITS[0].astype(np.uint16) * 257)
    assert np.array_equal(read_images(path)[0, 0], DIGITS[0])
    assert read_picture(path, channels=1).notes == ("reduced from 16 to 8 bits",)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_thirty_two_bits_are_refused(tmp_path, dtype):
    path = save(tmp_path / "x.tif", DIGITS[0].astype(dtype))
    with pytest.raises(DataError, match=r"32 bits per pixel. Save it with 8 or 16"):
        read_picture(path, channels=1)


@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGB", "png"), ("P", "png"), ("CMYK", "tif"), ("RGBA", "png")]
)
def test_colour_modes_become_grey(tmp_path, mode, suffix):
    path = save(tmp_path / f"x.{suffix}", DIGITS[0], mode)
    grey = read_picture(path, channels=1)
    assert np.array_equal(grey.pixels, DIGITS[0])
    assert grey.notes == (f"converted to grey from {mode}",)


def test_black_and_white_becomes_grey(tmp_path):
    path = save(tmp_path / "x.png", DIGITS[0] > 127)
    assert set(np.unique(read_picture(path, channels=1).pixels)) == {0, 255}


@pytest.mark.parametrize(("ink", "background"), [(0, 255), (255, 0)])
def test_transparent_ink_is_laid_on_what_shows_it(tmp_path, ink, background):
    pixels = np.zeros((28, 28, 2), np.uint8)
    pixels[10:20, 10:20] = ink, 255
    grey = read_picture(save(tmp_path / "x.png", pixels), channels=1)
    assert (grey.pixels[10:20, 10:20] == ink).all()
    assert (grey.pixels[:10] == background).all()
    assert grey.notes[-1].startswith("transparent and laid on")


def test_palette_with_a_transparent_colour(tmp_path):
    pixels = np.where(np.eye(28), 200, 0).astype(np.uint8)
    path = save(tmp_path / "x.png", pixels, "P", transparency=0)
    assert np.array_equal(read_picture(path, channels=1).pixels, pixels)


def test_photograph_is_turned_upright(tmp_path):
    pixels = np.zeros((16, 32), np.uint8)
    pixels[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "x.jpg", pixels, exif=exif)
    grey = read_picture(path, channels=1)
    assert grey.pixels.shape == (32, 16)
    assert grey.pixels[:14].mean() > 250 > 5 > grey.pixels[18:].mean()
    assert grey.notes == ("turned upright",)


# conversion


def test_exact_images_are_not_touched():
    converted = convert_array(DIGITS // 2)
    assert torch.equal(converted.images, torch.from_numpy(DIGITS // 2)[:, None])
    assert converted.report == ()


def test_constant_images_stay_constant(subtests):
    for size in [(8, 8), (14, 14), (56, 56), (1, 200), (300, 1), (28, 27)]:
        with subtests.test(size=size):
            converted = convert_array(np.full((3, *size), 77, np.uint8))
            assert (converted.images == 77).all()
            assert converted.report == (f"3 images were resized from {size[1]} x {size[0]}.",)


def test_aspect_ratio_is_kept_and_the_image_centred():
    pixels = np.zeros((1, 28, 84), np.uint8)
    pixels[:, 1:-1, 1:-1] = 255
    image = convert_array(pixels).images[0, 0].float()
    rows = torch.nonzero(image.sum(1) > 28 * 64).flatten()
    assert rows.tolist() == list(range(9, 18))
    assert (image[:9] == 0).all()
    assert (image[18:] == 0).all()


def test_dark_on_light_images_are_inverted_and_counted():
    dark = np.zeros((4, 56, 56), np.uint8)
    dark[:, 20:36, 20:36] = 200
    converted = convert_array(255 - dark)
    assert torch.equal(converted.images, convert_array(dark).images)
    assert converted.report[-1] == "4 images were dark on light and inverted."


def test_exact_images_are_believed_unless_most_are_dark_on_light():
    one_bright_border = DIGITS // 2
    one_bright_border[0] = 200
    assert torch.equal(
        convert_array(one_bright_border).images, torch.from_numpy(one_bright_border)[:, None]
    )
    scans = np.full((5, 28, 28), 255, np.uint8)
    scans[:, 10:15, 10:15] = 0
    converted = convert_array(scans)
    assert (converted.images[:, 0, 0] == 0).all()
    assert converted.report == ("5 images were dark on light and inverted.",)


def test_files_and_arrays_convert_alike(tmp_path):
    pixels = RNG.integers(0, 100, (3, 40, 20), dtype=np.uint8)
    files = [save(tmp_path / f"{i}.png", image) for i, image in enumerate(pixels)]
    assert torch.equal(convert_files(files).images, convert_array(pixels).images)


def test_report_counts_every_step(tmp_path):
    files = [save(tmp_path / f"a{i}.png", np.zeros((32, 32), np.uint8)) for i in range(12)]
    files.append(save(tmp_path / "b.png", np.full((10, 20), 255, np.uint8), "RGB"))
    files += [save(tmp_path / f"c{i}.png", np.zeros((40 + i, 9), np.uint8)) for i in range(6)]
    assert convert_files(files).report == (
        "1 image was converted to grey from RGB.",
        "12 images were resized from 32 x 32.",
        "1 image was resized from 20 x 10.",
        "1 image was resized from 9 x 40.",
        "1 image was resized from 9 x 41.",
        "1 image was resized from 9 x 42.",
        "3 images were resized from 3 other sizes.",
    )


def test_binary_set_in_bytes_is_read_as_black_and_white():
    digits = DIGITS > 128
    digits[:, [0, -1]] = digits[:, :, [0, -1]] = False  # light on dark
    converted = convert_array(digits.astype(np.uint8))
    assert converted.report == ("Values from 0 to 1 were read with 1 as white.",)
    assert torch.equal(converted.images, torch.from_numpy(digits * np.uint8(255))[:, None])


# to_float


def test_to_float_is_exact_and_invertible():
    images = torch.arange(256, dtype=torch.uint8).repeat(49)[: 784 * 16].view(16, 1, 28, 28)
    floats = to_float(images, torch.device("cpu"))
    assert floats.shape == (16, 1, 28, 28)
    assert floats.dtype == torch.float32
    assert (floats.min(), floats.max()) == (0, 1)
    assert torch.equal((floats * 255).round().byte(), images)


# normalise_digit


def centre_of_mass(image):
    image = image.float()
    positions = torch.arange(28.0)
    return [float(image.sum(axis) @ positions / image.sum()) for axis in (1, 0)]


def drawn(height, width, strokes, level=255):
    pixels = np.zeros((height, width), np.uint8)
    for rows, columns in strokes:
        pixels[rows, columns] = level
    return pixels


DRAWINGS = {
    "seven in a corner": drawn(
        280, 280, [(slice(5, 25), slice(10, 120)), (slice(5, 190), slice(100, 120))]
    ),
    "bar": drawn(100, 300, [(slice(10, 90), slice(250, 258))]),
    "small": drawn(9, 9, [(slice(2, 7), slice(4, 6))]),
    "thin": drawn(500, 500, [(slice(50, 450), slice(100, 102)), (slice(50, 52), slice(100, 300))]),
    "faint": drawn(60, 60, [(slice(20, 40), slice(30, 40))], level=40),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_normalised_digit_has_the_form_of_mnist(name):
    digit = normalise_digit(DRAWINGS[name])
    assert digit.shape == (28, 28)
    assert digit.dtype == torch.uint8
    assert digit.max() == 255
    for centre in centre_of_mass(digit):
        assert abs(centre - 14) <= 0.5 + 1e-4
    extents = [int((digit > 0).any(axis).sum()) for axis in (0, 1)]
    assert max(extents) == 20


def test_normalised_rectangle_in_closed_form():
    digit = normalise_digit(drawn(100, 100, [(slice(0, 40), slice(60, 80))]))
    rows, columns = torch.nonzero(digit, as_tuple=True)
    assert (rows.min(), rows.max()) == (4, 23)
    assert (columns.min(), columns.max()) == (9, 18) or (columns.min(), columns.max()) == (10, 19)
    assert (digit[4:24, columns.min() : columns.max() + 1] == 255).all()


def test_mnist_is_nearly_a_fixed_point():
    images = load_dataset("mnist").test.images[:200]
    normalised = torch.stack([normalise_digit(image) for image in images])
    difference = (images[:, 0].float() - normalised.float()).abs().mean(dim=(1, 2)) / 255
    assert difference.median() == 0
    assert difference.mean() < 0.002


def test_normalising_ignores_place_polarity_and_type():
    drawing = DRAWINGS["seven in a corner"]
    expected = normalise_digit(drawing)
    for same in (
        np.roll(drawing, (40, 70), axis=(0, 1)),
        255 - drawing,
        drawing / 255,
        torch.from_numpy(drawing),
        torch.from_numpy(drawing / np.float32(255)),
    ):
        assert torch.equal(normalise_digit(same), expected)


@pytest.mark.parametrize("lopsided", [0, 1])
def test_lopsided_ink_is_not_pushed_out(lopsided):
    pixels = drawn(100, 100, [(slice(80, 100), slice(0, 100)), (slice(0, 80), slice(50, 51))])
    padded = np.pad(pixels.T if lopsided else pixels, 20)
    digit = normalise_digit(padded)
    extent = (digit > 0).any(0 if lopsided else 1).sum()
    assert extent == 20


def test_what_is_no_digit_is_refused(subtests):
    for image, message in [
        (np.zeros((28, 28), np.uint8), "is blank"),
        (np.full((28, 28), 255, np.uint8), "is blank"),
        (np.zeros((2, 28, 28), np.uint8), r"shape \(H, W\) .* got \(2, 28, 28\)"),
        (np.zeros((0, 5), np.uint8), r"got \(0, 5\)"),
        (np.broadcast_to(np.uint8(0), (5001, 5000)), "25 million pixels"),
        (np.full((5, 5), np.nan), "NaN or infinity"),
        (np.full((5, 5), 2.0), "Expected a range of 0 to 1, .* Divide"),
        (np.full((5, 5), "a"), "must be numbers, got <U1"),
    ]:
        with subtests.test(image=image, message=message):
            with pytest.raises(DataError, match=message):
                normalise_digit(image)


SHEET = (300, 240)


@pytest.mark.parametrize("quality", [75, 95])
def test_an_empty_sheet_is_blank_whatever_its_noise_and_light(quality, subtests):
    across, down = np.linspace(0, 1, SHEET[1]), np.linspace(0, 1, SHEET[0])[:, None]
    for name, light in {
        "even": np.full(SHEET, 225.0),
        "dark": np.full(SHEET, 12.0),
        "from the side": np.broadcast_to(180 + 60 * across, SHEET),
        "from above": np.broadcast_to(140 + 90 * down, SHEET),
        "from a corner": 150 + 40 * across + 40 * down,
        "darker corners": 230 - 80 * ((down - 0.5) ** 2 + (across - 0.5) ** 2),
    }.items():
        for noise in (0.5, 1, 2, 3):
            sheet = np.clip(light + RNG.normal(0, noise, SHEET), 0, 255).round().astype(np.uint8)
            inked = sheet.copy()
            inked[100:200, 110:130] = 90
            for pixels, ink in ((sheet, False), (inked, True)):
                found = np.array(Image.open(io.BytesIO(encoded(pixels, "JPEG", quality=quality))))
                with subtests.test(light=name, noise=noise, ink=ink):
                    assert stands_out(found) == ink


# uploads


def encoded(pixels, kind, mode=None, **options):
    content, image = io.BytesIO(), Image.fromarray(np.asarray(pixels))
    (image.convert(mode) if mode else image).save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_uploaded_digit_becomes_as_mnist(kind):
    drawing = DRAWINGS["seven in a corner"]
    content = encoded(255 - drawing, kind, "RGB", **({"quality": 95} if kind == "JPEG" else {}))
    digit = normalise_digit(read_upload(content, "seven", channels=1).pixels)
    expected = normalise_digit(drawing)
    assert (digit.int() - expected.int()).abs().float().mean() < (0.01 if kind == "PNG" else 3)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP"])
def test_other_formats_are_no_upload(kind):
    with pytest.raises(DataError, match=r"`x.png` cannot be read as a PNG or JPEG.*Save it as"):
        read_upload(encoded(DIGITS[0], kind), "x.png")


def test_an_upload_that_is_too_large_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(DataError, match=r"`big.png` has 5.0 MB, at most 5 are taken. Save it"):
        read_upload(bytes(MAX_UPLOAD + 1), "big.png")


@pytest.mark.parametrize("side", [5001, 30_000])
def test_an_uploaded_bomb_is_refused_by_its_header(side):
    with pytest.raises(DataError, match=r"`bomb.png` (has|cannot).*(pixels|bomb)"):
        read_upload(png_claiming(side, side), "bomb.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_upload_cut_short_is_refused_by_name(kind):
    content = encoded(np.tile(DIGITS[0], (5, 5)), kind)
    for kept in (0, 1, 20, len(content) // 2, len(content) - 200):
        with pytest.raises(DataError, match=r"`half.png` cannot be read as a PNG or JPEG"):
            read_upload(content[:kept], "half.png")
