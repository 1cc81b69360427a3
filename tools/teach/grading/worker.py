"""A process that judges notebooks, one after another: ``python -m tools.teach.grading.worker SETTINGS``.

SETTINGS is JSON: the folder of the stripped course, the wall, the secret, the lessons that count. A line of JSON that
names a file comes in, a line with the judgements goes out. It holds the right answers; no student's code runs in it.
"""

import dataclasses
import json
import os
import sys
import traceback
from pathlib import Path


def main():
    """Serve until the input ends."""
    settings = json.loads(sys.argv[1])
    os.environ["VAE_COURSE_PROGRESS"] = "off"
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever prints, prints elsewhere
    import torch

    from tools.teach.grading.judging import Judge
    from tools.teach.grading.yard import WallMissing, Yard

    torch.set_num_threads(1)
    yard = Yard(settings["course"], settings["wall"])
    judge = Judge(yard, settings["secret"])
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            judgements, trouble = judge.notebook(Path(asked["file"]).read_bytes(), settings["topics"])
            said = {"judgements": {name: dataclasses.asdict(one) for name, one in judgements.items()}}
            said["trouble"] = trouble
        except WallMissing as error:
            said = {"failed": str(error)}
        except Exception as error:
            traceback.print_exc()
            trouble = f"the grader failed over it ({type(error).__name__}): run it again, or look at it yourself"
            said = {"judgements": {}, "trouble": trouble, "again": True}
        out.write(json.dumps(said) + "\n")
        out.flush()
    yard.close()


if __name__ == "__main__":
    main()
