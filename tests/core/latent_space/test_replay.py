"""`xai_core/latent_space/replay.py`: frames of a training on the map."""

import numpy as np
import torch

from xai_core.latent_space.replay import REPLAY_COLUMNS, EpochCodes, lay_out_replay


def blobs(spread, seed):
    """Codes of three clusters, `spread` apart, 20 images each."""
    centre = torch.eye(3, 4).repeat_interleave(20, 0) * spread
    noise = torch.randn(60, 4, generator=torch.Generator().manual_seed(seed))
    return EpochCodes((centre + 0.3 * noise).half(), torch.arange(3).repeat_interleave(20))


def test_the_last_frame_is_the_map_and_earlier_ones_are_aligned_with_it():
    angle = np.linspace(0, 2 * np.pi, 4)[:3]
    places = 10 * np.repeat(np.stack([np.cos(angle), np.sin(angle)], 1), 20, 0)
    places = (places + np.random.default_rng(0).normal(size=places.shape)).astype(np.float32)
    codes = {0: blobs(0, 0), 1: blobs(4, 1), 2: blobs(6, 2)}
    replay = lay_out_replay(codes, places, seed=0)
    assert dict(replay.dtypes.astype(str)) == REPLAY_COLUMNS
    frames = replay[["x", "y"]].to_numpy().reshape(3, 60, 2)
    assert np.array_equal(frames[2], places)
    assert replay["epoch"].tolist() == [0] * 60 + [1] * 60 + [2] * 60
    centres = frames.reshape(3, 3, 20, 2).mean(2)
    ring = np.linalg.norm(places.mean(0) - centres[2], axis=1).mean()
    assert np.linalg.norm(centres[1] - centres[2], axis=1).max() < ring / 2  # not turned around
    apart = np.linalg.norm(centres - centres.mean(1, keepdims=True), axis=2).mean(1)
    assert apart[0] < apart[1] / 3  # codes without clusters are laid out without clusters


def test_there_is_none_for_too_few_images_or_epochs():
    places = np.zeros((60, 2), np.float32)
    assert lay_out_replay({}, places, seed=0) is None
    assert lay_out_replay({1: blobs(1, 0)}, places, seed=0) is None
    assert lay_out_replay({0: blobs(1, 0), 1: blobs(2, 0)}, places[:15], seed=0) is None
