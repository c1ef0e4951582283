"""`xai_core/latent_space/index.py` and `umap_layout.py`."""

import math

import numpy as np
import pytest
import torch

from xai_core.data.dataset import Split, build_dataset
from xai_core.latent_space.encoding import encode_dataset
from xai_core.latent_space.index import LatentIndex, index_columns
from xai_core.latent_space.umap_layout import _distortion, _neighbour_graph, build_index
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE


def points(count, dim, seed=0):
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def built(tiny_models, tiny_dataset):
    return build_index(*tiny_models, tiny_dataset, device="cpu", seed=0)


def test_neighbours_are_those_of_all_distances(subtests):
    for dim in [1, 2, 16]:
        for k in [1, 7, 50]:
            with subtests.test(dim=dim, k=k):
                latents, z = points(50, dim), points(9, dim, seed=1)
                rows, distances = LatentIndex(latents, points(50, 2)).neighbours(z, k)
                expected = torch.cdist(
                    z, latents, compute_mode="donot_use_mm_for_euclid_dist"
                ).sort(-1)
                torch.testing.assert_close(distances, expected.values[:, :k])
                assert torch.equal(rows, expected.indices[:, :k])


def test_neighbours_are_found_in_blocks(monkeypatch):
    latents, z = points(60, 3), points(25, 3, seed=1)
    index = LatentIndex(latents, points(60, 2))
    whole = index.neighbours(z, 4)
    monkeypatch.setattr("xai_core.latent_space.index.MAX_DISTANCES", 200)
    assert all(map(torch.equal, whole, index.neighbours(z, 4)))


def test_distances_keep_their_digits_far_from_the_origin():
    latents = points(200, 4) + 3000
    rows, distances = LatentIndex(latents, points(200, 2)).neighbours(latents[:20], 3)
    exact = torch.cdist(latents[:20].double(), latents.double())
    assert torch.equal(rows[:, 0], torch.arange(20))
    assert distances[:, 0].abs().max() == 0
    torch.testing.assert_close(distances.double(), exact.sort(-1).values[:, :3])


def test_a_place_is_the_median_of_the_neighbours_places():
    latents = torch.arange(9.0).unsqueeze(-1)
    places = torch.stack([torch.arange(9.0), torch.tensor([0.0, 9, 1, 8, 2, 7, 3, 6, 4])], -1)
    index = LatentIndex(latents, places)
    assert index.place(torch.tensor([[1.0]]), k=3).tolist() == [[1.0, 1.0]]
    assert index.place(torch.tensor([[0.4]]), k=2).tolist() == [[0.5, 4.5]]
    known = index.place(latents, k=1)
    assert torch.equal(known, places)
    everything = torch.quantile(places, 0.5, dim=0)
    assert torch.equal(index.place(torch.tensor([[0.0]]), k=100)[0], everything)


def test_the_code_at_a_place_is_its_nearest_images_weighted_by_distance():
    places = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 6.0], [9.0, 9.0]])
    latents = torch.tensor([[1.0, 0.0], [4.0, 0.0], [0.0, 8.0], [50.0, 50.0]])
    codes, rows, far = LatentIndex(latents, places).code_at(torch.tensor([[1.0, 0.0]]), k=2)
    assert rows.tolist() == [[0, 1]] and far.tolist() == [[1.0, 2.0]]
    torch.testing.assert_close(codes, torch.tensor([[0.8 * 1 + 0.2 * 4, 0.0]]))


def test_the_code_at_an_image_is_its_own_and_lies_among_its_neighbours_elsewhere():
    latents, places = points(80, 5), points(80, 2, seed=1)
    index = LatentIndex(latents, places)
    torch.testing.assert_close(index.code_at(places)[0], latents)
    between, rows, far = index.code_at(points(20, 2, seed=2), k=4)
    near = latents[rows]
    assert bool(((between >= near.amin(1)) & (between <= near.amax(1))).all())
    assert bool((far.diff(dim=-1) >= 0).all())
    assert index.code_at(places[:3], k=999)[1].shape == (3, 80)


def test_one_stray_neighbour_does_not_move_a_place():
    latents = torch.zeros(10, 2)
    places = torch.zeros(10, 2)
    places[9] = 1000.0
    assert LatentIndex(latents, places).place(torch.zeros(1, 2)).tolist() == [[0.0, 0.0]]


def test_bad_arguments_are_named():
    index = LatentIndex(points(5, 3), points(5, 2))
    assert len(index) == 5
    with pytest.raises(ValueError, match=r"`k` must be in \[1, 5\], got 6"):
        index.neighbours(points(1, 3), 6)
    with pytest.raises(ValueError, match=r"`k` must be in \[1, 5\], got 0"):
        index.neighbours(points(1, 3), 0)
    with pytest.raises(ValueError, match="`z` must have 3 columns, got 2"):
        index.neighbours(points(1, 2), 1)
    with pytest.raises(ValueError, match="as many rows, at least 1, got 5 and 4"):
        LatentIndex(points(5, 3), points(4, 2))
    with pytest.raises(ValueError, match="at least 1, got 0 and 0"):
        LatentIndex(points(0, 3), points(0, 2))


def test_columns_are_the_contracts(built):
    table, _ = built
    assert list(table.columns) == [
        *("id", "split", "label", "cluster", "confidence", "umap_x", "umap_y", "distortion"),
        *("elbo", "reconstruction", "expected_log_prior", "kl_c", "entropy_z", "predicted"),
        *("mean_0", "mean_1", "log_var_0", "log_var_1"),
    ]
    assert {name: str(kind) for name, kind in table.dtypes.items()} == index_columns(2)


def test_rows_are_the_images_in_order(built, tiny_models, tiny_dataset):
    table, _ = built
    model, classifier = tiny_models
    assert table["id"].tolist() == tiny_dataset.ids
    test = table[table["split"] == "test"]
    encoding = encode_dataset(model, tiny_dataset.test.images, device="cpu", seed=0)
    assert test["label"].tolist() == tiny_dataset.test.labels.tolist()
    assert test["cluster"].tolist() == encoding.clusters.tolist()
    np.testing.assert_allclose(test["confidence"], encoding.confidence, rtol=1e-6)
    np.testing.assert_allclose(test[["mean_0", "mean_1"]], encoding.mean, rtol=1e-6)
    np.testing.assert_allclose(test[["log_var_0", "log_var_1"]], encoding.log_var, rtol=1e-6)
    np.testing.assert_allclose(test["elbo"], encoding.terms.elbo, rtol=1e-6)
    total = test["reconstruction"] + test["expected_log_prior"] - test["kl_c"] + test["entropy_z"]
    np.testing.assert_allclose(test["elbo"], total, rtol=1e-5)
    x = tiny_dataset.test.images / 255
    assert test["predicted"].tolist() == classifier(x).argmax(-1).tolist()


def test_the_map_is_finite_centred_and_keeps_neighbourhoods(built):
    table, quality = built
    places = table[["umap_x", "umap_y"]].to_numpy()
    assert np.isfinite(places).all()
    assert np.abs(places.mean(0)).max() < 1e-4
    assert 0.8 < quality.trustworthiness <= 1
    assert 0.8 < quality.continuity <= 1
    assert (quality.n_neighbors, quality.sample, quality.fitted) == (15, 60, 60)
    assert table["distortion"].between(0, 1).all()


def test_the_map_repeats_with_the_seed(built, tiny_models, tiny_dataset):
    encodings = [
        encode_dataset(tiny_models[0], part.images, device="cpu", seed=0)
        for part in (tiny_dataset.train, tiny_dataset.test)
    ]
    steps = []
    again, quality = build_index(
        *tiny_models,
        tiny_dataset,
        device="cpu",
        seed=0,
        encodings=encodings,
        progress=steps.append,
    )
    assert again.equals(built[0])
    assert quality == built[1]
    assert len(steps) == 3 and "60 codes" in steps[0]


def test_distortion_is_found_in_parts(built, monkeypatch):
    table, _ = built
    latents = torch.tensor(table[["mean_0", "mean_1"]].to_numpy())
    places = table[["umap_x", "umap_y"]].to_numpy()
    for fitted in (60, 40):
        graph = _neighbour_graph(latents, "cpu", 0, fitted)
        whole = _distortion(graph, places)
        with monkeypatch.context() as patch:
            patch.setattr("xai_core.latent_space.umap_layout.AT_ONCE", 7)
            np.testing.assert_array_equal(_distortion(graph, places), whole)


def test_distortion_counts_lost_neighbours(built):
    """By brute force: of the ten nearest latents, those beyond the thirtieth on the map."""
    table, _ = built
    latents = torch.tensor(table[["mean_0", "mean_1"]].to_numpy())
    places = torch.tensor(table[["umap_x", "umap_y"]].to_numpy())
    orders = []
    for part in (latents, places):
        far = torch.cdist(
            part.double(), part.double(), compute_mode="donot_use_mm_for_euclid_dist"
        )
        orders.append(far.fill_diagonal_(math.inf).argsort(dim=-1, stable=True))
    near, found = orders[0][:, :10].tolist(), orders[1][:, :30].tolist()
    lost = [len(set(a) - set(b)) / 10 for a, b in zip(near, found, strict=True)]
    np.testing.assert_allclose(table["distortion"], lost, atol=1e-6)


def test_what_umap_was_not_fitted_on_is_placed_among_its_neighbours(tiny_models, tiny_dataset):
    table, quality = build_index(*tiny_models, tiny_dataset, device="cpu", seed=0, max_fitted=30)
    assert quality.fitted == 30
    chosen = np.sort(np.random.default_rng(0).permutation(60)[:30])
    latents = torch.tensor(table[["mean_0", "mean_1"]].to_numpy())
    places = torch.tensor(table[["umap_x", "umap_y"]].to_numpy())
    known = LatentIndex(latents[chosen], places[chosen])
    others = np.setdiff1d(np.arange(60), chosen)
    torch.testing.assert_close(known.place(latents[others]), places[others])
    assert table["distortion"].between(0, 1).all()


def test_without_labels_and_classifier_there_is_minus_one(tiny_models, tiny_dataset):
    bare = tiny_dataset.without_labels()
    table, _ = build_index(tiny_models[0], None, bare, device="cpu", seed=0)
    assert (table[["label", "predicted"]] == -1).all(axis=None)


@pytest.mark.parametrize(("train", "test"), [(2, 1), (3, 2), (9, 4)])
def test_few_images_have_a_map_too(tiny_models, tiny_dataset, train, test):
    few = build_dataset(
        name="few",
        train=Split(images=tiny_dataset.train.images[:train], labels=None),
        test=Split(images=tiny_dataset.test.images[:test], labels=None),
    )
    table, quality = build_index(tiny_models[0], None, few, device="cpu", seed=0)
    assert len(table) == quality.sample == train + test
    assert np.isfinite(table[["umap_x", "umap_y", "distortion"]]).all(axis=None)


def test_collapsed_codes_have_a_map_too(tiny_dataset):
    """Every image has the same code: nothing to lay out, and no reason to stop."""
    model = ClusterVAE(
        ClusterVAEConfig(num_clusters=2, latent_dim=3, channels=(4, 4, 4), hidden=16)
    ).eval()
    torch.nn.init.zeros_(model.latent_encoder[-1].weight)
    table, quality = build_index(model, None, tiny_dataset, device="cpu", seed=0)
    assert np.isfinite(table[["umap_x", "umap_y", "distortion"]]).all(axis=None)
    assert 0 <= quality.trustworthiness <= 1


def test_equal_images_have_a_map_too(tiny_models, tiny_dataset):
    images = tiny_dataset.train.images[:2].repeat(20, 1, 1, 1)
    same = build_dataset(
        name="same",
        train=Split(images=images, labels=None),
        test=Split(images=images[:5], labels=None),
    )
    table, _ = build_index(tiny_models[0], None, same, device="cpu", seed=0)
    assert np.isfinite(table[["umap_x", "umap_y", "distortion"]]).all(axis=None)
