"""The pictures of an image as a presentation state wants them seen (PS3.18 8.3.5.1)."""

from gateway.codecs import registry, resolutions
from gateway.dicomweb.rendered import Parameters
from gateway.rendering import geometry, icc, softcopy
from gateway.rendering.display import Display
from gateway.rendering.geometry import Plan
from gateway.rendering.lettering import Lettering
from gateway.rendering.painter import Keep, Painter, Picture
from gateway.rendering.presentation_states import PresentationState
from gateway.rendering.projections import Projection
from gateway.rendering.sitters import Sitter
from gateway.rendering.softcopy import Room, Source


class Presenter(Painter):
    """Paints the frames of ``sitter`` as ``state`` has it, then as ``parameters`` do.

    A viewport's region is one of what the state shows. No picture has more than ``most`` pixels to
    a side, or than the image has; without ``enlarge`` none has more than the area that is shown.
    """

    def __init__(
        self,
        sitter: Sitter,
        parameters: Parameters,
        lettering: Lettering,
        *,
        state: PresentationState,
        most: int,
        enlarge: bool = True,
        keep: Keep | None = None,
    ) -> None:
        self._state = state
        super().__init__(sitter, parameters, lettering, enlarge=enlarge, keep=keep)
        most = max(most, self._image.rows, self._image.columns)
        self._room = Room(parameters.viewport, most, enlarge)
        if state.profile:
            self._profiles = icc.Profiles(state.profile, self._image.frames)

    def _placed(self, *, enlarge: bool) -> Plan:
        """All of the image: a frame's own projection says what of it is shown."""
        registry.check_size(self._image)
        return geometry.plan(None, self._image.rows, self._image.columns)

    def paint(self, number: int, frame: bytes) -> tuple[Picture, bytes | None]:
        """The picture of ``frame``, which has ``number`` from 1, and the ICC profile to go with it.

        Raises:
            CodecError: the frame cannot be decoded.
            InvalidRequest: the viewport's region lies outside what the state shows of it.
        """
        sop = self._instance.sop
        projection = softcopy.projection(self._state, sop, number, self._image, self._room)
        samples, image = self._decoded(number, frame, self._halved(projection, frame))
        display = Display(self._dataset, self._state.overriding(sop, number))
        shown = display.frame(number, samples, image)
        high, wide = display.aspect
        source = Source(self._dataset, sop, number, samples, self._image, high / wide)
        picture = softcopy.present(shown, source, self._state, projection, self._lettering.font)
        colours = self._colours(number, frame)
        return self._annotated(colours.apply(picture), number), colours.profile

    def _halved(self, projection: Projection, frame: bytes) -> int:
        """How often the frame is halved as it is decoded."""
        wanted = projection.halvings
        if not wanted or self._image.packed or not self._display.reducible:
            return 0
        return min(wanted, resolutions.most(self._instance.stored_syntax, frame))
