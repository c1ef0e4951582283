"""Networks are built for the form of the images, MNIST's as they have always been."""

import torch

from xai_core.data.io.pixel_values import pictures
from xai_core.image_spec import ImageSpec
from xai_core.models.classifier import Classifier
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.critic import Critic, critic_config
from xai_core.models.layers import depth_of
from xai_core.models.vae import ClusterVAE

FORMS = [(1, 8, 8), (1, 28, 28), (1, 32, 48), (3, 48, 48), (3, 33, 64), (3, 8, 128), (3, 128, 128)]


def test_networks_take_and_give_images_of_the_form(subtests):
    for form in FORMS:
        with subtests.test(form=form):
            image = ImageSpec(channels=form[0], height=form[1], width=form[2])
            config = ClusterVAEConfig(
                num_clusters=3, channels=(4, 5, 6), decoder_channels=(4, 5, 6), hidden=8,
                likelihood="gaussian",
            )  # fmt: skip
            x, model = torch.rand(2, *form), ClusterVAE(config, image).eval()
            assert model.reconstruct(x).shape == x.shape
            terms = model.elbo(x)
            assert terms.elbo.shape == (2,) and terms.elbo.isfinite().all()
            assert Classifier(4, image)(x).shape == (2, 4)
            settings = critic_config(image)
            mask = Critic(settings, 3, image)(x, torch.tensor([0, 1]))
            assert (
                mask.shape == (2, *form[1:])
                and ((mask > 0.5).sum((1, 2)) == settings.budget).all()
            )
            assert pictures(x).shape == ((2, *form) if form[0] == 3 else (2, *form[1:]))


def test_mnist_has_the_networks_it_always_had():
    assert depth_of(ImageSpec()) == 3 and critic_config(ImageSpec()).budget == 31
    shapes = {
        name: tuple(w.shape) for name, w in ClusterVAE(ClusterVAEConfig()).named_parameters()
    }
    assert shapes["latent_encoder.7.weight"] == (192, 72 * 16)
    assert shapes["decoder.layers.9.weight"] == (4, 24, 3, 3)
    assert shapes["decoder.layers.1.weight"] == (48 * 49, 192)
    assert Classifier()[10].weight.shape == (128, 96 * 9)
