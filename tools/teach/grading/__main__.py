"""The command: ``python -m tools.teach.grading SUBMISSIONS OUT`` grades a class."""

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.publish.folders import interruptible, require_replaceable
from tools.teach.grading import course, feedback, interchange, page, pool, report, stripped
from tools.teach.grading.marks import collected, marks_csv
from tools.teach.grading.rubric import RubricError, read_rubric
from tools.teach.grading.submissions import SubmissionsError, submissions_in
from tools.teach.grading.yard import LIMITS, WALLS, ProcessEnded, Seat, WallMissing, Yard, bubblewrap

ROOT = Path(__file__).resolve().parents[3]
MARKER = ".built-by-grade"


class GradeError(Exception):
    """The class cannot be graded; the message says why and what to do."""


def choose_wall(wanted: str, folder: Path) -> str:
    """Return the wall that works here: namespaces, or else bubblewrap, tried by one process; `wanted` names one.

    Raises
    ------
    GradeError
        None works, or the one that is wanted does not.
    """
    if wanted == "none":
        return wanted
    failures = []
    for wall in ("namespaces", "bubblewrap") if wanted == "auto" else (wanted,):
        if wall == "bubblewrap" and not bubblewrap():
            failures.append("bubblewrap is not installed (on Debian and Ubuntu `sudo apt install bubblewrap`)")
            continue
        if not sys.platform.startswith("linux"):
            failures.append(f"{wall} needs Linux")
            continue
        yard = Yard(folder, wall, loaded=False)
        try:
            seat = Seat(yard)
            seat.begin()
            seat.end()
            return wall
        except (WallMissing, ProcessEnded, OSError, TimeoutError) as error:
            failures.append(f"{wall}: {error}")
        finally:
            yard.close()
    reasons = "; ".join(failures)
    raise GradeError(
        f"No wall can be built around the students' code on this machine ({reasons}), so nothing was run. Grade on "
        "another one, or, only where you trust the code as your own, say WALL=none."
    )


def grade(options: argparse.Namespace) -> Path:
    """Grade what the options name; returns the folder of the results.

    Raises
    ------
    GradeError, SubmissionsError, RubricError, RosterError, PoolError
        Nothing was graded; what was judged so far is kept.
    """
    began = time.monotonic()
    out = options.out.resolve()
    require_replaceable(out, MARKER, GradeError)
    topics = _topics(options.lessons)
    found, remarks = submissions_in(options.submissions)
    rubric = read_rubric(options.rubric, course.places())
    roster = interchange.Roster.read(options.roster)
    kept_folder = out / ".kept"
    kept_folder.mkdir(parents=True, exist_ok=True)
    (out / MARKER).write_text("Written by tools/teach/grading, which may replace what it wrote here.\n")
    key = _secret(kept_folder / "secret")
    # in a place that every account may enter: a grader that is root gives its rights up
    with tempfile.TemporaryDirectory(prefix="grade-") as name:
        workshop = Path(name)
        workshop.chmod(0o755)
        copy = workshop / "course"
        stripped.build(copy, course.names())
        wall = choose_wall(options.wall, copy)
        print(f"{len(found)} files; the wall: {WALLS[wall]}. {LIMITS[wall]}", flush=True)
        settings = {
            "course": str(copy), "wall": wall, "secret": key, "topics": topics, "log": str(kept_folder / "log.txt"),
        }  # fmt: skip
        kept = pool.Kept(kept_folder, f"{key} {course.fingerprint()} {','.join(topics)}")
        said = pool.judged(found, kept, settings, options.jobs, _progress())
    marks = collected(_renamed(found, roster), said, rubric, roster.names())
    seconds = time.monotonic() - began
    run = report.Run(
        f"Students' code ran behind {WALLS[wall]}.", LIMITS[wall], f"{len(found)} files took {seconds:.0f} s.", remarks
    )
    _write(out, marks, run, roster)
    for remark in [*remarks, *(trouble for student in marks.students for trouble in student.troubles)]:
        print(f"note: {remark}")
    print(f"{len(marks.students)} students in {seconds:.0f} s: {out / 'report.html'}, {out / 'marks.csv'}")
    return out


def _topics(lessons):
    numbers = {path.stem[:2]: topic for topic, (path, _) in course.lessons().items()}
    wanted = [part for part in lessons.replace(",", " ").split() if part]
    for number in wanted:
        if number not in numbers:
            raise GradeError(f"There is no lesson {number!r}: name lessons by number, {', '.join(numbers)}")
    return [numbers[number] for number in wanted]


def _secret(path):
    """Return the secret of this folder of results; the inputs hang on it."""
    if not path.exists():
        pool.write(path, secrets.token_hex(16))
        path.chmod(0o600)
    return path.read_text(encoding="utf-8").strip()


def _renamed(found, roster):
    from dataclasses import replace

    return [replace(one, student=roster.recognised(one.student)) for one in found]


def _progress():
    last = [0.0]

    def told(done, count):
        now = time.monotonic()
        if done == count or now - last[0] > (0.5 if sys.stdout.isatty() else 20):
            last[0] = now
            start, end = ("\r", "\n" if done == count else "") if sys.stdout.isatty() else ("", "\n")
            print(f"{start}judged {done} of {count}", end=end, flush=True)

    return told


def _write(out, marks, run, roster):
    body = report.as_html(marks, run)
    pool.write(out / "report.html", page.page("What the class believes", body, page.fonts([body])))
    pool.write(out / "report.txt", report.as_text(marks, run))
    pool.write(out / "marks.csv", marks_csv(marks))
    pool.write(out / "results.json", interchange.results_json(marks))
    pool.write(out / "moodle.csv", interchange.moodle_csv(marks, roster))
    pool.write(out / "canvas.csv", interchange.canvas_csv(marks, roster))
    names = feedback.file_names(student.name for student in marks.students)
    bodies = {student.name: feedback.as_html(marks, student) for student in marks.students}
    faces = page.fonts(list(bodies.values()))
    for folder, ending in (("feedback", ".html"), ("results", ".json")):
        (out / folder).mkdir(exist_ok=True)
        for path in (out / folder).glob(f"*{ending}"):
            if path.stem not in names.values():
                path.unlink()
    for student in marks.students:
        name = names[student.name]
        pool.write(out / "feedback" / f"{name}.html", page.page(student.name, bodies[student.name], faces))
        text = interchange.json.dumps(interchange.results(marks, student), indent=1, ensure_ascii=False)
        pool.write(out / "results" / f"{name}.json", text + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 if the class was not graded, 130 if it was interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.teach.grading", description="Grade a class, and report what it believes."
    )
    parser.add_argument("submissions", type=Path, help="the folder or the zip of the students' notebooks")
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "dist" / "grades", help="where the results go")
    parser.add_argument("--rubric", type=Path, help="a YAML file of points (default: a point for each exercise)")
    parser.add_argument("--roster", type=Path, help="the names of the class, one a line, or a table with its ids")
    parser.add_argument("--lessons", default="", help="count these lessons only, for example 01,02")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many notebooks at a time")
    parser.add_argument("--wall", choices=("auto", *WALLS), default="auto", help="what stands around students' code")
    options = parser.parse_args(arguments)
    try:
        grade(options)
    except (GradeError, SubmissionsError, RubricError, interchange.RosterError, pool.PoolError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: what was judged is kept, and the same command goes on from there.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(interruptible(main))
