import numpy as np
import pandas as pd
import pytest

from xai_core.evaluation.disentanglement import disentanglement


def test_factors_as_codes_score_high_rotated_ones_less_and_noise_nothing(subtests):
    rng = np.random.default_rng(0)
    size, place, kind = rng.random(600), rng.random(600), rng.integers(0, 2, 600)
    factors = pd.DataFrame({"size": size, "place": place, "kind": np.array(["a", "b"])[kind]})
    own = np.stack([size, place, kind], 1)
    own = (own - own.mean(0)) / own.std(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    codes = {"own": own, "rotated": own @ turn, "noise": rng.normal(size=(600, 3))}
    found = {name: disentanglement(z, factors, trees=20).as_dict() for name, z in codes.items()}
    for score in ("mig", "disentanglement", "completeness", "sap"):
        with subtests.test(score):
            assert found["own"][score] > 0.8
            assert found["rotated"][score] < found["own"][score] - 0.3
            assert found["noise"][score] < 0.2
    with subtests.test("informativeness"):
        assert found["own"]["informativeness"] > 0.95 and found["rotated"]["informativeness"] > 0.9
        assert found["noise"]["informativeness"] < 0.25
    with subtests.test("a periodic factor is not torn at its ends"):
        hue = pd.DataFrame({"hue": size})
        circle = np.stack([np.cos(2 * np.pi * size), np.sin(2 * np.pi * size)], 1)
        assert disentanglement(circle, hue, periods={"hue": 1.0}).informativeness > 0.95
    wrong = (
        ("`codes` must have", own[:, :1], factors, None),
        ("one row per code", own, factors[:5], None),
        ("`size` must vary", own, factors.assign(size=1.0), None),
        ("`periods` must be", own, factors, {"kind": 1.0}),
    )
    for words, z, table, periods in wrong:
        with subtests.test(words), pytest.raises(ValueError, match=words):
            disentanglement(z, table, periods=periods)
