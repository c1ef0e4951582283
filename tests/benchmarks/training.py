"""Compare training images/s with pythae: same networks, images, optimiser and threads."""

import contextlib
import importlib.util
import io
import logging
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torchvision.transforms import v2

from xai_core.data import augmentation
from xai_core.data.preprocessing import to_float
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE
from xai_core.runtime import Launch, make_fabric
from xai_core.training import loop as training_loop
from xai_core.training.config import TrainingConfig
from xai_core.training.stages import vae as stages_vae

PLAIN = ClusterVAEConfig(num_clusters=1)
BATCH = 256
RATE = 1e-3


def is_installed():
    """Return whether pythae can be imported."""
    return importlib.util.find_spec("pythae") is not None


def rates(images, device, rounds):
    """Return the images/s of the plain VAE, with both libraries in turns.

    Each round trains two epochs with each library and counts the second. This library deforms
    images in batches on the device; with pythae, torchvision deforms each image in the data set.

    Returns:
        One number per round, by ("here" or "pythae", whether images are deformed).
    """
    cases = [(name, deformed) for deformed in (False, True) for name in ("here", "pythae")]
    found = {case: [] for case in cases}
    for _ in range(rounds):
        for name, deformed in cases:
            measure = _here if name == "here" else _pythae
            found[name, deformed].append(measure(images, device, deformed))
    return found


def ratio(found, deformed):
    """Return the median over the rounds of how many times faster this library is."""
    pairs = zip(found["here", deformed], found["pythae", deformed], strict=True)
    return statistics.median(here / there for here, there in pairs)


def _here(images, device, deformed):
    """Run the steps of `xai train` on the bound alone."""
    pixels, vae, marks = images.to(device), ClusterVAE(PLAIN), []

    def batches(rows, generator):
        x = to_float(pixels[rows], device).contiguous(memory_format=torch.channels_last)
        x = augmentation.deform(x, generator) if deformed else x
        eps = torch.randn(len(rows), PLAIN.latent_dim, generator=generator, device=device)
        return x, eps, None, None

    def mark(progress):
        if progress.done > progress.total // 2:
            marks.append((time.perf_counter(), progress.done))

    with tempfile.TemporaryDirectory() as run:
        fabric = make_fabric(Launch(device=device))
        loop = training_loop.EpochLoop(fabric, Path(run), 0, BATCH, lambda _: None, mark)
        loop.fit(
            "vae", stages_vae.VAEObjective(vae, TrainingConfig()), batches,
            count=len(images), epochs=2, min_steps=1, learning_rate=RATE, num_clusters=1,
            score=training_loop.no_scores,
        )  # fmt: skip
    return _rate(marks)


def _pythae(images, device, deformed):
    """Run the steps of pythae's trainer on its own VAE with the same networks."""
    from pythae.models import VAE, VAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    networks, marks = ClusterVAE(PLAIN), []
    encoder, decoder = _wrapped(networks)

    class Mark(TrainingCallback):
        def on_train_step_end(self, training_config, **kwargs):
            marks.append((time.perf_counter(), len(marks)))

    logging.getLogger(BaseTrainer.__module__).setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as run, contextlib.redirect_stderr(io.StringIO()):
        trainer = BaseTrainer(
            VAE(
                VAEConfig(
                    input_dim=(1, 28, 28),
                    latent_dim=PLAIN.latent_dim,
                    reconstruction_loss="bce",
                ),
                encoder,
                decoder,
            ),
            _dataset(images, deformed),
            training_config=BaseTrainerConfig(
                output_dir=run,
                per_device_train_batch_size=BATCH,
                optimizer_params={"fused": True},
                learning_rate=RATE,
                no_cuda=device == "cpu",
                keep_best_on_train=True,
            ),
            callbacks=[Mark()],
        )
        trainer.prepare_training()
        trainer.train_step(1)
        marks.clear()
        trainer.train_step(2)
    return _rate(marks)


def _wrapped(networks):
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.network = networks.latent_encoder

        def forward(self, x):
            mean, log_var = self.network(x).chunk(2, dim=-1)
            return ModelOutput(embedding=mean, log_covariance=log_var)

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.network = networks.decoder

        def forward(self, z):
            return ModelOutput(reconstruction=self.network(z).sigmoid())

    return Encoder(), Decoder()


def _dataset(images, deformed):
    from pythae.data.datasets import BaseDataset, DatasetOutput

    transform = v2.Compose(
        [
            v2.RandomAffine(15, translate=(0.1, 0.1), scale=(0.85, 1.15), shear=14),
            v2.ElasticTransform(alpha=30.0),
        ]
    )

    class Deformed(BaseDataset):
        def __getitem__(self, index):
            return DatasetOutput(data=transform(self.data[index]), labels=self.labels[index])

    kind = Deformed if deformed else BaseDataset
    return kind(to_float(images), torch.zeros(len(images)))


def _rate(marks):
    """Return the images/s from the first to the last mark, each a time and a number of steps."""
    (started, first), (ended, last) = marks[0], marks[-1]
    return BATCH * (last - first) / (ended - started)
