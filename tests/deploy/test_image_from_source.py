"""The image as the documents say, from nothing but the sources."""

import pytest

from image import Image


@pytest.mark.from_source
def test_the_image_is_built_from_the_sources_alone(debian):
    image = Image(debian)
    try:
        assert image("run", "--isolation", "chroot", image.container, "--", "/usr/bin/plexus", "version").startswith("plexus ")
    finally:
        image.remove()
