"""What is said where frames cannot be made."""


class FramesError(Exception):
    """Frames cannot be made; the message names the explorer and says why."""
