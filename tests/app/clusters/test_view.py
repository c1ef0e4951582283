import dataclasses

import numpy as np
import pytest
import torch

from dashboard.links import PAGES
from dashboard.services import bundles, generation, image_data
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.models.vae import ClusterVAE
from xai_core.plots.probabilities import percent, share

from ..parts import alts, unescaped, widget


@pytest.fixture
def open_bundle(open_page_without_bundle, tiny_parts, tmp_path):
    """Open a page on the tiny bundle with some parts replaced, and the critics of what is left."""

    def open_on(page, **parts):
        whole = {**tiny_parts, **parts}
        explained = {"classifier": whole["classifier"] is not None}
        explained["cluster"] = whole["model"].config.num_clusters > 1
        critics = {name: c for name, c in whole["critics"].items() if explained[name]}
        save_bundle(tmp_path / "checkpoints" / "other", **{**whole, "critics": critics})
        return open_page_without_bundle(page)

    return open_on


def test_every_cluster_has_a_prototype_with_its_size(open_page, component, tiny_bundle):
    app = open_page("clusters")
    data, _ = component(app, "prototypes")
    test = tiny_bundle.index[tiny_bundle.index["split"] == "test"]
    sizes = test["cluster"].value_counts()
    assert data["ids"] == [f"cluster {c}" for c in tiny_bundle.clusters.order]
    assert data["captions"] == [
        f"{tiny_bundle.clusters.names[c]}\n{sizes.get(c, 0):,}" for c in tiny_bundle.clusters.order
    ]
    table = app.dataframe[0].value
    assert table["images"].sum() == len(test)


def test_the_page_starts_at_the_selected_image_s_cluster(open_page, component, tiny_bundle):
    for image_id in ("test:0", "test:1"):
        app = open_page("clusters", image=image_id)
        own = tiny_bundle.index.set_index("id").loc[image_id, "cluster"]
        assert component(app, "prototypes")[0]["selected"] == f"cluster {own}"


def test_the_page_begins_with_how_pure_the_clusters_are(open_page, text_of, tiny_bundle):
    index = tiny_bundle.index[tiny_bundle.index["split"] == "test"]
    named = dict(enumerate(tiny_bundle.cluster_labels))
    own = index["label"] == index["cluster"].map(named)
    shares = own.groupby(index["cluster"]).mean()
    said = text_of(open_page("clusters"))
    pure = f"Each cluster holds {'almost only' if shares.min() > 0.9 else 'mostly'}"
    kind = pure if shares.min() > 0.5 else "Not every cluster holds"
    assert f"{kind} one label" in said
    for cluster in (shares.idxmin(), shares.idxmax()):
        assert f"{share(shares[cluster])}" in said


def test_picking_a_cluster_changes_all_that_is_about_it(open_page, component, send, tiny_bundle):
    app = open_page("clusters", image="test:0")
    shown = component(app, "prototypes")[0]["selected"]
    other = next(i for i in ("cluster 0", "cluster 1") if i != shown)
    send(app, "prototypes", "pick", other)
    assert component(app, "prototypes")[0]["selected"] == other
    name = f"cluster {tiny_bundle.clusters.names[int(other[-1])]}"
    assert sum(name in unescaped(e.value) for e in app.subheader) == 3
    index = tiny_bundle.index.set_index("id")
    assert set(index.loc[component(app, "members")[0]["ids"], "cluster"]) == {int(other[-1])}


def test_members_are_sorted_by_confidence(open_page, component, tiny_bundle):
    app = open_page("clusters")
    index = tiny_bundle.index.set_index("id")
    order = widget(app.segmented_control, "Order")
    for end, sign in (("Least sure", 1), ("Most sure", -1)):
        order.set_value(end).run()
        sure = sign * index.loc[component(app, "members")[0]["ids"], "confidence"].to_numpy()
        assert np.all(np.diff(sure) >= 0)


def test_samples_follow_seed_and_temperature(open_page, tiny_bundle):
    open_page("clusters")
    first = generation.samples(tiny_bundle, 1, 1.0, 0, 4)
    assert np.array_equal(first.images, generation.samples(tiny_bundle, 1, 1.0, 0, 4).images)
    assert not np.array_equal(first.images, generation.samples(tiny_bundle, 1, 1.0, 1, 4).images)
    cold = generation.samples(tiny_bundle, 1, 0.0, 0, 4).images
    prototype = generation.prototypes(tiny_bundle).images[1]
    np.testing.assert_allclose(cold, np.stack([prototype] * 4), atol=1e-5)
    np.testing.assert_allclose(first.probs.sum(1), 1, atol=1e-5)


def test_the_judge_of_a_clusters_samples_is_quoted(open_page, tiny_bundle):
    shares = tiny_bundle.manifest.metrics["test"]["sample_fidelity_by_cluster"]
    assert shares[0] != shares[1]
    captions = " ".join(caption.value for caption in open_page("clusters").caption)
    assert any(
        f"the classifier sees {percent(share)} of the samples" in captions for share in shares
    )


def test_draw_again_draws_others(open_page, component):
    app = open_page("clusters")
    before = component(app, "samples")[0]["png"]
    widget(app.button, "Draw again").click().run()
    assert component(app, "samples")[0]["png"] != before


def test_a_walk_goes_from_prototype_to_prototype(open_page, tiny_bundle):
    open_page("clusters")
    film, ends = (
        generation.interpolation(tiny_bundle, 1, 0, 15),
        generation.prototypes(tiny_bundle),
    )
    np.testing.assert_allclose(film.images[[0, -1]], ends.images[[1, 0]], atol=1e-5)


def test_border_cases_are_those_of_a_full_search(open_page, component, tiny_bundle):
    app = open_page("clusters")
    images = tiny_bundle.dataset.test.images.float() / 255
    with torch.no_grad():
        best = tiny_bundle.model.cluster_probs(images).sort(1, descending=True).values
    order = (best[:, 0] - best[:, 1]).argsort(stable=True)
    shown = component(app, "borders")[0]
    assert shown["ids"] == [f"test:{row}" for row in order.tolist()]
    assert "label" in shown["captions"][0]


def test_a_border_case_can_be_selected(open_page, component, send, text_of):
    app = open_page("clusters")
    picked = component(app, "borders")[0]["ids"][4]
    send(app, "borders", "pick", picked)
    assert f"`{picked}`" in text_of(app)
    assert component(app, "members")[0]["selected"] == picked


@pytest.mark.parametrize("split", ["train", "test"])
def test_accuracy_is_stated_with_its_definition(open_page, text_of, tiny_bundle, split):
    app = open_page("clusters")
    app.segmented_control[-2].set_value(split).run()
    scored = tiny_bundle.manifest.metrics[split]["accuracy"]
    assert f"Accuracy on {split} images: **{100 * scored:.2f} %** = images whose" in text_of(app)
    assert alts(app)["confusion"].endswith(f"accuracy {scored:.2%}")


def test_without_labels_the_page_works_and_says_so(open_bundle, text_of, component, tiny_parts):
    metrics = {**tiny_parts["metrics"], "cluster_labels": [-1, -1]}
    index = tiny_parts["index"].assign(label=np.int64(-1))
    app = open_bundle(
        "clusters",
        dataset=tiny_parts["dataset"].without_labels(),
        classifier=None,
        index=index.assign(predicted=np.int64(-1)),
        metrics=metrics,
    )
    assert "without labels" in text_of(app)
    assert "confusion" not in alts(app)
    assert "label" not in component(app, "borders")[0]["captions"][0]
    app.switch_page(PAGES["reconstructions"]).run()
    assert not app.exception


def test_one_cluster_has_no_other_to_walk_to(open_bundle, text_of, tiny_parts):
    config = dataclasses.replace(tiny_parts["model"].config, num_clusters=1)
    index = tiny_parts["index"].assign(cluster=np.int64(0), confidence=np.float32(1))
    app = open_bundle(
        "clusters",
        model=ClusterVAE(config).eval().requires_grad_(False),
        index=index,
        replay=None,
        metrics={"cluster_labels": [0]},
    )
    assert "no other to interpolate to" in text_of(app)
    assert "no image lies between two" in text_of(app)
    app.switch_page(PAGES["reconstructions"]).run()
    assert not app.exception


def test_a_decoder_that_reads_c_is_given_each_cluster(open_bundle, text_of, tiny_parts, tmp_path):
    config = dataclasses.replace(tiny_parts["model"].config, decoder_conditioning="z+c")
    model = ClusterVAE(config).eval().requires_grad_(False)
    app = open_bundle("reconstructions", model=model)
    assert "reads c:" in text_of(app) and not app.exception
    bundle = load_bundle(tmp_path / "checkpoints" / "other")
    seen = image_data.inferred(bundle, "test:0")
    made = generation.under_clusters(bundle, "test:0", False)
    expected = bundle.model.decode(torch.from_numpy(seen.mean).expand(2, -1), torch.eye(2))
    np.testing.assert_allclose(made.images, expected[:, 0], atol=1e-5)


def test_downloads_are_named_after_bundle_and_content(open_page, tiny_bundle):
    app = open_page("clusters")
    names = {button.proto.id.rpartition("-")[2] for button in app.get("download_button")}
    assert {"save csv confusion", "save csv walk", "save png samples"} <= names
    about = bundles.about(tiny_bundle, image="test:3")
    assert about["bundle"] == f"bars ({tiny_bundle.digest[:16]})"
    assert about["image"] == "test:3" and "made by" in about


def test_a_cluster_gets_a_name_that_all_pages_show(
    open_page_without_bundle, component, tiny_parts, tmp_path, text_of
):
    folder = save_bundle(tmp_path / "checkpoints" / "bars", **tiny_parts)
    hostile = '<b>![x](//evil) $1$ "`bars`'
    automatic = load_bundle(folder).clusters.names

    def named(app):
        data, _ = component(app, "prototypes")
        return dict(zip(data["ids"], (c.split("\n")[0] for c in data["captions"]), strict=True))

    app = open_page_without_bundle("clusters", cluster="1")
    widget(app.text_input, "Name of cluster 1").input(hostile)
    widget(app.button, "Save the name").click().run()
    assert named(app) == {"cluster 0": automatic[0], "cluster 1": hostile}
    assert hostile in unescaped(text_of(app))
    assert load_bundle(folder).clusters.names[1] == hostile

    other = open_page_without_bundle("clusters", cluster="0")
    widget(other.text_input, "Name of cluster 0").input(hostile)
    widget(other.button, "Save the name").click().run()
    assert "Another cluster is called" in other.error[0].value
    assert not other.exception

    widget(app.button, "Use the automatic name").click().run()
    assert named(app) == {"cluster 0": automatic[0], "cluster 1": automatic[1]}


def test_visitors_of_a_public_server_cannot_name_clusters(open_page, monkeypatch, text_of):
    monkeypatch.setenv("XAI_TRAINING", "off")
    app = open_page("clusters")
    assert not [box for box in app.text_input if box.label.startswith("Name of cluster")]
    assert "this server does not let them change it" in text_of(app)
    assert widget(app.button, "Pin").disabled
