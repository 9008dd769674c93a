"""Pictures in prompts: a pool of them, made by the seed before the first call; each prompt takes some of the pool."""

from __future__ import annotations

from functools import lru_cache

from llmload.draws import Draws, mix
from llmload.records import Image, Message
from llmload.workload import lengths
from llmload.workload.image_files import FORMATS, image_file, usual_size
from llmload.workload.spec import ImageSpec

__all__ = ["expected_bytes", "expected_image_tokens", "image_tokens", "images_for", "pool_of"]


@lru_cache(maxsize=64)
def pool_of(spec: ImageSpec) -> tuple[Image, ...]:
    """The pictures that prompts have: the same in every worker."""
    return tuple(_image(spec, mix(spec.seed, place)) for place in range(spec.pool))


def _image(spec: ImageSpec, seed: int) -> Image:
    draws = Draws(seed, 0)
    width, height = (max(1, lengths.draw(each, draws)) for each in (spec.width, spec.height))
    size = spec.size or usual_size(spec.format, width, height)
    return Image(FORMATS[spec.format], image_file(spec.format, width, height, size, seed))


def images_for(spec: ImageSpec | None, draws: Draws) -> tuple[Image, ...]:
    """The pictures of one prompt, no picture twice as long as the pool lasts."""
    if spec is None:
        return ()
    pool, first = pool_of(spec), draws.below(spec.pool)
    return tuple(pool[(first + place) % spec.pool] for place in range(lengths.draw(spec.count, draws)))


def image_tokens(spec: ImageSpec | None, messages: tuple[Message, ...]) -> int:
    """What the pictures of ``messages`` are planned to count for."""
    return 0 if spec is None else spec.tokens * sum(len(message.images) for message in messages)


def expected_bytes(spec: ImageSpec | None) -> float:
    """Bytes of the pictures of a prompt, on average; width and height are drawn independently of each other."""
    if spec is None:
        return 0.0
    width, height = round(lengths.mean(spec.width)), round(lengths.mean(spec.height))
    return lengths.mean(spec.count) * (spec.size or usual_size(spec.format, width, height))


def expected_image_tokens(spec: ImageSpec | None) -> float:
    """Tokens of the pictures of a prompt, on average, as they are planned."""
    return 0.0 if spec is None else lengths.mean(spec.count) * spec.tokens
