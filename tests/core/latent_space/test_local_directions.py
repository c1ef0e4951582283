import pytest
import torch

from xai_core.latent_space.local_directions import in_typical_range, local_directions
from xai_core.latent_space.traversal import along
from xai_core.models.prior import MixturePrior


def decoder(shape, latent):
    weights = torch.randn(shape[0] * shape[1] * shape[2], latent, dtype=torch.float64)
    return lambda z: (z @ weights.T / 4).sigmoid().reshape(-1, *shape)


def test_local_directions_are_those_of_the_first_order(subtests):
    for shape, latent in (((1, 8, 8), 5), ((3, 6, 9), 4), ((1, 1, 2), 3)):
        with subtests.test(f"{shape}, {latent} dimensions"):
            z, decode = torch.randn(4, latent, dtype=torch.float64), decoder(shape, latent)
            found = local_directions(z, decode)
            count = min(latent, shape[0] * shape[1] * shape[2])
            eye = torch.eye(count, dtype=torch.float64).expand(4, -1, -1)
            for rows in (found.directions, found.changes):
                torch.testing.assert_close(rows @ rows.mT, eye)
            assert (found.singular_values.diff(dim=1) <= 0).all()
            torch.testing.assert_close(found.shares.sum(1), torch.ones(4, dtype=torch.float64))
            assert (found.changes.sum(2) >= 0).all()
            step = 1e-5
            film = along(z[0], moves=found.directions[0], offsets=torch.tensor([-step, 0.0, step]))
            images = decode(film.flatten(0, 1)).reshape(count, 3, -1)
            change = (images[:, 2] - images[:, 0]) / (2 * step)
            expected = found.singular_values[0, :, None] * found.changes[0]
            torch.testing.assert_close(change, expected, rtol=1e-5, atol=1e-8)
            assert torch.equal(local_directions(z, decode).directions, found.directions)
    with subtests.test("no direction changes a constant image"):
        flat = local_directions(torch.zeros(1, 2), lambda z: (0 * z.sum(1)).reshape(-1, 1, 1, 1))
        assert flat.singular_values.tolist() == flat.shares.tolist() == [[0.0]]
    with subtests.test("no gradient"), pytest.raises(ValueError, match="must have a gradient"):
        local_directions(torch.zeros(1, 2), lambda z: z.detach().reshape(-1, 1, 1, 2))
    with subtests.test("the typical range of N(0, I)"):
        prior = MixturePrior(1, 1, fixed=True)
        codes = torch.tensor([[0.0], [2.2], [-3.0]])
        assert in_typical_range(prior, codes).tolist() == [True, True, False]
