"""Looking at an image that has just arrived: the one place where images and their bytes are counted."""

from dataclasses import dataclass

from common.errors import ImageRejectedError
from common.images import ImageInfo, ImageLimits, inspect_image
from web.metrics import WebMetrics
from web.multipart import Upload


@dataclass(frozen=True)
class Inspector:
    """Inspect uploads by their bytes and count them by the verdict."""

    limits: ImageLimits
    metrics: WebMetrics

    def inspect(self, upload: Upload) -> ImageInfo:
        """Say what an image is.

        Raises:
            ImageRejectedError: The bytes are no image that dentiq accepts.
        """
        try:
            if upload.fault is not None:
                raise upload.fault
            info = inspect_image(upload.data, self.limits)
        except ImageRejectedError:
            self.metrics.count_upload(size=len(upload.data), accepted=False)
            raise
        self.metrics.count_upload(size=len(upload.data), accepted=True)
        return info
