import base64
import functools
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dashboard.links import PAGES
from dashboard.services import counterfactuals, prediction_sets
from dashboard.ui.components.latent_map import files
from dashboard.views.latent_map import loader, panels
from xai_core.plots import theme
from xai_core.plots.latent_map import colouring, points
from xai_core.plots.latent_map.marks import Marks

from ..conftest import _open

PAGE = "latent_map"
KEY = "latent map"


def column(name):
    return next(c for c in colouring.COLUMNS if c.name == name)


def join_pictures():
    for thread in files.threading.enumerate():
        if thread.name == "map pictures":
            thread.join(20)


def read_points(folder, count):
    blob = (folder / "points.bin").read_bytes()
    assert len(blob) == 8 * count
    x, y = np.frombuffer(blob, "<u2", 2 * count).reshape(2, count)
    return x, y, np.frombuffer(blob, "<u4", count, 4 * count)


@pytest.fixture
def folder(tiny_bundle):
    return files.STATIC / tiny_bundle.digest[:16]


def test_places_hold_every_image_once_and_where_it_is():
    xy = np.random.default_rng(0).normal(size=(5000, 2)) * [3, 1] + [7, -2]
    packed = points.places(xy)
    assert sorted(packed.order) == list(range(5000))
    x = np.frombuffer(packed.blob, "<u2", 5000)
    y = np.frombuffer(packed.blob, "<u2", 5000, 10000)
    rows = np.frombuffer(packed.blob, "<u4", 5000, 20000)
    there = (np.stack([x, y], 1) / 65535 * 2 - 1) * packed.half + packed.centre
    assert np.array_equal(rows, packed.order)
    assert np.abs(there - xy[rows]).max() <= packed.half / 65535 * 1.01


def test_neighbours_in_the_file_are_near_each_other():
    xy = np.random.default_rng(0).random((4096, 2))
    order = points.places(xy).order
    step = np.linalg.norm(np.diff(xy[order], axis=0), axis=1).mean()
    assert step < 0.05  # 0.52 in any other order


def test_the_picture_at_each_place_is_its_image():
    images = np.random.default_rng(0).integers(0, 256, (2345, 28, 28), dtype=np.uint8)
    order = points.places(np.random.default_rng(1).random((2345, 2))).order
    found = points.sheets(images.__getitem__, order)
    sheets = [np.asarray(Image.open(io.BytesIO(s))) for s in found]
    assert len(sheets) == 3
    for place, row in enumerate(order):
        y, x = divmod(place % points.SHEET_IMAGES, points.SHEET_COLUMNS)
        cell = sheets[place // points.SHEET_IMAGES][28 * y : 28 * y + 28, 28 * x : 28 * x + 28]
        assert np.array_equal(cell, images[row])


def crowd(count, outliers=500):
    """A dense heap, a wide one, and single points far from both."""
    draw = np.random.default_rng(0)
    dense = draw.normal(size=(count - count // 4 - outliers, 2)) * 0.5
    wide = draw.normal(size=(count // 4, 2)) * 3 + [20, 0]
    return np.concatenate([dense, wide, draw.uniform(-40, 40, (outliers, 2))]).astype(np.float32)


def test_of_very_many_points_the_dense_ones_are_thinned_and_the_sparse_ones_stay():
    xy, most = crowd(300_000), 100_000
    packed = points.places(xy)
    order = packed.order
    assert 0.98 * most < len(order) <= most and len(set(order)) == len(order)
    assert sorted(packed.along) == list(range(300_000))
    x, y = np.frombuffer(packed.blob, "<u2", 2 * len(order)).reshape(2, -1)
    assert np.array_equal(np.frombuffer(packed.blob, "<u4", offset=4 * len(order)), order)
    there = (np.stack([x, y], 1) / 65535 * 2 - 1) * packed.half + packed.centre
    assert np.abs(there - xy[order]).max() <= packed.half / 65535 * 1.01
    drawn = np.isin(np.arange(300_000), order)
    far = np.linalg.norm(xy - [0, 0], axis=1) > 4
    apart = np.linalg.norm(xy - [20, 0], axis=1) > 16
    assert (far & apart).sum() > 300 and drawn[far & apart].all()
    steps = np.linspace(0, 2, 9)[1:]  # rings about the heap's middle, the densest first
    shares = [drawn[np.linalg.norm(xy, axis=1) < r].mean() for r in steps]
    assert shares[0] < 0.3 and (np.diff(shares) > 0).all()
    counts = np.histogram(np.linalg.norm(xy[drawn], axis=1) ** 2, steps**2)[0]
    assert (np.diff(counts / np.diff(steps**2)) < 0).all()  # and is still drawn densest
    assert np.array_equal(points.places(xy).order, order)


def test_never_more_points_than_asked_for_and_all_where_they_fit(subtests):
    for most in [1, 7, 59, 60, 61]:
        for shape in ["apart", "one place", "a line"]:
            with subtests.test(most=most, shape=shape):
                xy = np.random.default_rng(0).random((60, 2))
                if shape != "apart":
                    xy *= [0, shape == "a line"]
                order = points.places(xy, most).order
                assert len(order) == min(most, 60) or (
                    shape == "a line" and 0.8 * most < len(order) < most
                )
                assert len(set(order)) == len(order) and max(order) < 60


@pytest.mark.parametrize("turn", [1, -1])
def test_a_lasso_holds_what_is_inside_and_nothing_else(turn):
    corners = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], float)[::turn]
    inside = [[1, 0.5], [3.5, 2], [0.3, 2.5], [2, 0.9]]
    outside = [[2, 2], [5, 1], [-1, 1], [2, -1], [2, 4]]
    found = points.inside(corners, np.array(inside + outside, np.float32))
    assert found.tolist() == [True] * 4 + [False] * 5


def test_a_round_lasso_agrees_with_the_distance():
    turns = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = np.stack([np.cos(turns), np.sin(turns)], 1)
    xy = np.random.default_rng(0).uniform(-1.5, 1.5, (20000, 2))
    far = np.linalg.norm(xy, axis=1)
    clear = np.abs(far - 1) > 1e-3
    assert np.array_equal(points.inside(circle, xy)[clear], (far < 1)[clear])


def test_numbers_become_levels_between_the_ends():
    values = np.array([-9.0, 0, 5, 10, 99, np.nan, np.inf])
    levels = points.levels(values, 0, 10)
    assert levels.tolist() == [0, 0, 127, 254, 254, points.UNDEFINED, 254]
    assert points.levels(np.ones(3), 1, 1).tolist() == [0, 0, 0]
    assert points.categories(np.array([0, 3, -1])).tolist() == [0, 3, points.UNDEFINED]


def test_the_outer_hundredths_share_the_ends_colours():
    low, high = points.colour_range(np.arange(1001.0))
    assert (low, high) == (10, 990)
    assert points.colour_range(np.array([np.nan])) == (0, 1)


@pytest.mark.parametrize("dark", [False, True])
def test_a_label_has_the_colour_of_the_cluster_matched_with_it(dark):
    named, order = [3, 1, 0, -1, 2], [2, 1, 4, 0, 3]
    clusters = colouring.palette(column("cluster"), 5, order, named, dark)
    labels = colouring.palette(column("label"), 6, order, named, dark)
    assert [labels[label] for label in (3, 1, 0, 2)] == [clusters[c] for c in (0, 1, 2, 4)]
    assert len(set(labels)) == 6
    assert [clusters[c] for c in order] == theme.categorical(5)
    assert len(colouring.palette(column("elbo"), 0, order, named, dark)) == 255


def test_colours_of_categories_differ_and_go_on_after_ten():
    assert len(set(theme.categorical(30))) == 30
    assert theme.categorical(0) == []


@pytest.mark.parametrize("dark", [False, True])
def test_signed_maps_are_neutral_at_zero_and_warm_above(dark):
    lut = theme.diverging(dark).astype(int)
    assert np.ptp(lut[128]) < 48
    assert lut[250, 0] > lut[250, 2] and lut[5, 2] > lut[5, 0]
    assert np.array_equal(theme.colourise(np.zeros((2, 2)), theme.diverging(dark), 1.0)[0, 0],
                          theme.diverging(dark)[128])  # fmt: skip
    lightness = lut @ [0.2126, 0.7152, 0.0722]
    middle = lightness[128]
    assert all((lightness[end] > middle) == dark for end in (0, 255))


def test_what_the_index_does_not_know_is_not_offered(tiny_bundle):
    names = {c.name for c in colouring.available(tiny_bundle.index)}
    assert {"cluster", "label", "split", "confidence", "distortion", "elbo", "kl_c"} <= names
    unknown = tiny_bundle.index.assign(label=-1, predicted=-1)
    assert not {"label", "predicted"} & {c.name for c in colouring.available(unknown)}


def test_the_map_holds_all_images_at_a_static_address(open_page, component, tiny_bundle, folder):
    data, _ = component(open_page(PAGE), KEY)
    assert data["count"] == 60
    assert data["points"]["url"] == f"/app/static/{folder.name}/points.bin"
    assert data["splits"] == [["train", 0], ["test", 40]]
    x, _, rows = read_points(folder, 60)
    there = (x / 65535 * 2 - 1) * data["half"] + data["centre"][0]
    assert np.abs(there - tiny_bundle.index["umap_x"].to_numpy()[rows]).max() < 1e-3 * data["half"]
    for name in ("cluster", "label"):
        stored = np.frombuffer((folder / f"{name}.bin").read_bytes(), np.uint8)
        assert np.array_equal(stored, tiny_bundle.index[name])


def test_past_the_most_points_fewer_are_drawn_and_all_are_known(
    open_page, component, send, tiny_bundle, fresh_caches, monkeypatch, tmp_path, text_of
):
    monkeypatch.setattr(files, "STATIC", tmp_path)
    thin = functools.partial(points.places, most=20)
    monkeypatch.setattr(points, "places", thin)
    app = open_page(PAGE)
    join_pictures()
    data, _ = component(app.run(), KEY)
    folder, index = tmp_path / tiny_bundle.digest[:16], tiny_bundle.index
    xy = index[["umap_x", "umap_y"]].to_numpy()
    assert (
        f"{data['count']} of 60 points are drawn, fewer where they lie close together"
        in text_of(app)
    )
    assert 15 <= data["count"] <= 20 and data["inQuestion"] == "60"
    x, _, rows = read_points(folder, data["count"])
    there = (x / 65535 * 2 - 1) * data["half"] + data["centre"][0]
    assert np.abs(there - xy[rows, 0]).max() < 1e-3 * data["half"]
    assert len((folder / "cluster.bin").read_bytes()) == 60
    sheet = np.asarray(Image.open(folder / "pictures" / "0.png"))
    for place, row in enumerate(rows):
        cell = sheet[:28, 28 * place : 28 * place + 28]
        assert np.array_equal(cell, tiny_bundle.image(index["id"].iat[row])[0].numpy())
    hidden = [row for row in range(60) if row not in set(rows.tolist())]
    for row in (hidden[0], hidden[-1], int(rows[3])):
        app.text_input("widget.map find").set_value(index["id"].iat[row]).run()
        data, _ = component(app, KEY)
        assert data["selected"] == row and data["mark"] == xy[row].tolist()
        assert len(data["neighbours"]) == 12
    low, high = (xy.min(0) - 1).tolist(), (xy.max(0) + 1).tolist()
    send(app, KEY, "lasso", [low, [low[0], high[1]], high, [high[0], low[1]]])
    assert "**60** images, 60 shown" in text_of(app)
    assert sorted(component(app, "lassoed")[0]["ids"]) == sorted(index["id"])


def test_pictures_follow_and_are_right(open_page, component, tiny_bundle, folder):
    app = open_page(PAGE)
    join_pictures()
    app.run()
    data, _ = component(app, KEY)
    assert data["sheets"] == f"/app/static/{folder.name}/pictures/{{k}}.png"
    sheet = np.asarray(Image.open(folder / "pictures" / "0.png"))
    _, _, rows = read_points(folder, 60)
    for place, row in enumerate(rows):
        y, x = divmod(place, points.SHEET_COLUMNS)
        image = tiny_bundle.image(tiny_bundle.index["id"].iat[row])[0].numpy()
        assert np.array_equal(sheet[28 * y : 28 * y + 28, 28 * x : 28 * x + 28], image)


def test_each_colouring_has_its_file_and_legend(open_page, component, tiny_bundle):
    app = open_page(PAGE)
    columns = colouring.available(tiny_bundle.index)
    dims = range(tiny_bundle.model.config.latent_dim)
    assert {f"{kind}_{j}" for kind in ("mean", "log_var") for j in dims} < {
        c.name for c in columns
    }
    for c in [c for c in columns if not c.name[-1].isdigit() or c.name == "mean_1"]:
        app.selectbox("widget.map colour").set_value(c.name).run()
        assert not app.exception
        data, _ = component(app, KEY)
        assert data["title"] == c.title and data["colour"]["url"].endswith(f"/{c.name}.bin")
        assert ("names" in data["legend"]) == c.categorical
        assert c.categorical or (c.unit in data["legend"]["low"] and data["legend"]["high"])


def test_a_filter_greys_the_others_and_removes_none(open_page, component, tiny_bundle):
    app = open_page(PAGE)
    app.segmented_control("widget.map part").set_value("test").run()
    app.multiselect("widget.map clusters").set_value([1]).run()
    data, _ = component(app, KEY)
    index = tiny_bundle.index
    wanted = (index["split"] == "test") & (index["cluster"] == 1)
    assert data["count"] == 60 and np.array_equal(bits(data), wanted)


def test_a_click_selects_by_row_whatever_the_filter(open_page, component, send, tiny_bundle):
    app = open_page(PAGE)
    app.segmented_control("widget.map part").set_value("test").run()
    for row in (0, 17, 39, 40, 59):
        send(app, KEY, "pick", row)
        assert component(app, KEY)[0]["selected"] == row
        text = "\n".join(m.value for m in app.markdown)
        assert f"`{tiny_bundle.index['id'].iat[row]}`" in text


def test_neighbours_are_the_nearest_in_latent_space(open_page, component, tiny_bundle):
    app = open_page(PAGE, image="train:5")
    data, _ = component(app, "neighbours")
    z = tiny_bundle.latents.numpy()
    far = np.linalg.norm(z - z[5], axis=1)
    order = [r for r in np.argsort(far, kind="stable") if r != 5][:12]
    assert data["ids"] == tiny_bundle.index["id"].iloc[order].tolist()
    assert [float(c) for c in data["captions"]] == pytest.approx(far[order], abs=0.006)
    near = tiny_bundle.index[["umap_x", "umap_y"]].to_numpy()[order]
    np.testing.assert_array_equal(component(app, KEY)[0]["neighbours"], near)


def test_a_lasso_gives_its_images_and_stays_until_cleared(
    open_page, component, send, tiny_bundle, text_of
):
    app = open_page(PAGE)
    xy = tiny_bundle.index[["umap_x", "umap_y"]].to_numpy()
    low, high = xy.min(0) - 1, np.quantile(xy, 0.75, 0)
    corners = [[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]
    send(app, KEY, "lasso", np.asarray(corners, float).tolist())
    held = set(tiny_bundle.index["id"][(xy < high).all(1)])
    assert held and set(component(app, "lassoed")[0]["ids"]) == held
    app.button("step Next").click().run()
    assert set(component(app, "lassoed")[0]["ids"]) == held
    assert f"**{len(held)}** images" in text_of(app)
    app.switch_page(PAGES["home"]).run()
    app.switch_page(PAGES["latent_map"]).run()
    assert component(app, KEY)[0]["lasso"]
    send(app, KEY, "lasso", [])
    assert component(app, KEY)[0]["lasso"] is None
    assert "Nothing yet" in text_of(app)


def test_an_empty_lasso_is_no_error(open_page, send, text_of):
    app = open_page(PAGE)
    send(app, KEY, "lasso", [[900.0, 900], [901, 900], [901, 901]])
    assert "**0** images" in text_of(app)


def test_an_image_is_found_by_its_id(open_page, component, text_of):
    app = open_page(PAGE)
    app.text_input("widget.map find").set_value(" train:33 ").run()
    data, _ = component(app, KEY)
    assert data["selected"] == 33 and data["focus"] == "train:33"
    app.text_input("widget.map find").set_value("train:40").run()
    assert component(app, KEY)[0]["selected"] == 33
    assert "`train:0` to `train:39`" in text_of(app) and "`test:19`" in text_of(app)


def test_the_table_has_the_same_images_as_the_map(open_page, tiny_bundle):
    app = open_page(PAGE)
    app.segmented_control("widget.map part").set_value("test").run()
    assert not app.dataframe
    app.session_state["setting.map table open"] = True
    app.run()
    table = app.dataframe[0].value
    known = tiny_bundle.index[tiny_bundle.index["split"] == "test"].sort_values(
        "confidence", kind="stable"
    )
    assert table["id"].tolist() == known["id"].tolist()
    assert isinstance(table, pd.DataFrame) and table["elbo"].tolist() == known["elbo"].tolist()


def test_the_table_marks_the_selected_image(open_page, monkeypatch):
    monkeypatch.setattr(panels, "TABLE_ROWS", 10)
    app = open_page(PAGE, image="train:5", table="yes")
    for image_id in ("train:5", "test:3", "train:39"):
        app.session_state["image"] = image_id
        app.run()
        table = app.dataframe[0].value
        assert len(table) == 10
        assert table["id"][table["selected"] != ""].tolist() == [image_id]


def test_the_legend_leaves_in_what_was_clicked_and_the_link_says_so(
    open_page, component, send, tiny_bundle
):
    app, index = open_page(PAGE, table="yes"), tiny_bundle.index
    send(app, KEY, "only", [1])
    data, _ = component(app, KEY)
    assert data["only"] == [1] and app.query_params["only"] == "1"
    assert np.array_equal(bits(data), index["cluster"] == 1)
    assert set(app.dataframe[0].value["cluster"]) == {1}
    app.segmented_control("widget.map part").set_value("test").run()
    wanted = (index["cluster"] == 1) & (index["split"] == "test")
    assert np.array_equal(bits(component(app, KEY)[0]), wanted)
    send(app, KEY, "only", [7])
    assert component(app, KEY)[0]["only"] == []


def test_a_range_leaves_in_what_lies_within(open_page, component, send, tiny_bundle):
    app = open_page(PAGE, colour="confidence")
    send(app, KEY, "range", [254, 100])
    data, _ = component(app, KEY)
    assert data["range"] == [100, 254] and data["only"] == []
    low, high = data["legend"]["ends"]
    cut = low + (high - low) * 100 / 254
    inside = tiny_bundle.index["confidence"] > cut
    assert (bits(data) != inside).mean() < 0.05  # a level is 1 / 254 of the range wide
    assert app.query_params["from"] == "100" and "to" not in app.query_params


@pytest.mark.parametrize(
    ("only", "ends", "wanted"),
    [
        ([], (0, 254), None),
        ([2, 3], (0, 254), [False, True, True, False, False]),
        ([], (1, 254), [False, True, True, True, False]),
        ([], (0, 3), [True, True, True, False, False]),
    ],
)
def test_the_legend_s_filter(only, ends, wanted):
    found = colouring.within(np.array([0, 2, 3, 254, 255], np.uint8), only, ends)
    assert (found if found is None else found.tolist()) == wanted


def test_any_place_is_decoded_and_said_to_be_an_interpolation(
    open_page, component, send, tiny_bundle, text_of
):
    app = open_page(PAGE)
    xy = tiny_bundle.index[["umap_x", "umap_y"]].to_numpy()
    where = [round(float(v), 2) for v in xy[20]]
    send(app, KEY, "place", where)
    (mark,) = component(app, KEY)[0]["marks"]
    assert mark["kind"] == "place" and mark["at"] == [where]
    text = text_of(app)
    assert "What would be here?" in text and "interpolation" in text
    near = int(np.linalg.norm(xy - where, axis=1).argmin())
    assert f"Nearest real image: `{tiny_bundle.index['id'].iat[near]}`" in text
    assert open_page(PAGE, place=app.query_params["place"]).query_params["place"]
    send(app, KEY, "place", [])
    assert component(app, KEY)[0]["marks"] == [] and "place" not in app.query_params


def test_a_place_where_an_image_lies_decodes_to_its_reconstruction(tiny_bundle, fresh_caches):
    x, y = tiny_bundle.index[["umap_x", "umap_y"]].iloc[7]
    found = loader.guess_at(tiny_bundle, (float(x), float(y)))
    decoded = tiny_bundle.model.decode(tiny_bundle.latents[7:8])[0, 0].detach().numpy()
    np.testing.assert_allclose(found.image, decoded, atol=1e-5)
    assert found.distance < 1e-5 and found.probs.sum() == pytest.approx(1, abs=1e-5)


def test_samples_of_the_prior_lie_where_their_codes_belong(open_page, component, tiny_bundle):
    app = open_page(PAGE, also="nearest-images_samples-of-the-prior")
    (mark,) = component(app, KEY)[0]["marks"]
    assert mark["kind"] == "sample" and len(mark["at"]) == len(mark["words"]) == 24
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(mark["png"].split(",")[1]))))
    assert sheet.shape == (28, 24 * 28)
    low, high = (
        f(tiny_bundle.index[["umap_x", "umap_y"]].to_numpy(), 0) for f in (np.min, np.max)
    )
    assert (np.array(mark["at"]) >= low - 1e-3).all() and (
        np.array(mark["at"]) <= high + 1e-3
    ).all()
    assert component(app, "prior samples")[0]["count"] == 24
    app.button("draw others").click().run()
    assert component(app, KEY)[0]["marks"][0]["png"] != mark["png"]


def test_the_way_to_another_class_is_the_counterfactual_s(open_page, component, tiny_bundle):
    app = open_page(PAGE, image="test:3", also="path-to-another-class")
    data, _ = component(app, KEY)
    (mark,) = data["marks"]
    assert data["neighbours"] == [] and mark["kind"] == "path"
    of = "cluster"
    _, target = counterfactuals.decided(tiny_bundle, "test:3", of).argsort()[::-1][:2]
    found = counterfactuals.change(tiny_bundle, "test:3", of, "default", int(target))
    np.testing.assert_allclose(mark["at"], found.places, atol=6e-4)
    assert len(mark["words"]) == counterfactuals.FRAMES


def test_marks_must_be_as_many_as_their_pictures_and_words():
    with pytest.raises(ValueError, match="got 2 and 1 and 2"):
        Marks(kind="sample", places=np.zeros((2, 2)), images=np.zeros((1, 28, 28)),
              words=[("a", "b")] * 2)  # fmt: skip


def bits(data):
    """Read which points the component shows, in index order."""
    packed = np.frombuffer(base64.b64decode(data["shown"]), np.uint8)
    return np.unpackbits(packed)[: data["count"]].astype(bool)


def test_the_page_says_what_the_map_does_not_mean(open_page, tiny_bundle, text_of):
    text = text_of(open_page(PAGE))
    quality = tiny_bundle.manifest.metrics["map"]
    assert re.search(r"neighbours on this map .*(, not| nor) distances between groups", text)
    assert f"**{quality['trustworthiness']:.3f}**" in text
    assert f"**{quality['continuity']:.3f}**" in text


def test_where_the_folder_cannot_be_written_the_points_travel_along(
    open_page, component, text_of, fresh_caches, monkeypatch, tmp_path
):
    (tmp_path / "static").write_text("a file where a folder should be")
    monkeypatch.setattr(files, "STATIC", tmp_path / "static")
    app = open_page(PAGE)
    data, _ = component(app, KEY)
    assert len(base64.b64decode(data["points"]["base64"])) == 8 * 60
    assert data["sheets"] is None
    assert "cannot be written or served" in text_of(app) and not app.exception


def test_the_component_s_data_is_small_and_plain(open_page, component):
    data, _ = component(open_page(PAGE), KEY)
    assert len(json.dumps(data)) < 6000


def test_it_can_be_coloured_by_the_size_of_prediction_sets(open_page, component, tiny_bundle):
    app = open_page(PAGE, colour="set-size-90", table="yes")
    data, _ = component(app, KEY)
    levels = np.frombuffer(base64.b64decode(data["colour"]["base64"]), np.uint8)
    sizes = prediction_sets.sizes(tiny_bundle, "cluster", 0.9)
    assert (levels[:40] == points.UNDEFINED).all() and np.array_equal(levels[40:], sizes[40:])
    assert data["legend"]["names"][:2] == ["none", "1 class"] and data["labels"] == []
    assert set(app.dataframe[0].value["set_size_90"]) == set(sizes)


def test_without_labels_no_set_can_be_drawn(degenerate_bundles, monkeypatch, component):
    monkeypatch.chdir(degenerate_bundles)
    app = _open(PAGE, bundle="no_labels", colour="set-size-90")
    assert not any("Set size" in name for name in app.selectbox("widget.map colour").options)
    assert component(app, KEY)[0]["title"] == "Cluster"
