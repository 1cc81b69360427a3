"""The command: ``python -m tools.publish.frames``."""

import sys

from tools.publish.folders import interruptible
from tools.publish.frames.drawing import main

if __name__ == "__main__":
    sys.exit(interruptible(main))
