"""Grade a class: students' functions run behind a wall, and what they return is compared outside of it.

`python -m tools.teach.grading SUBMISSIONS OUT` is the command; `make grade FOLDER=… OUT=…` calls it. The parts, in the
order in which a notebook passes through them:

- `submissions`: who handed in what, from a folder or a zip;
- `extraction`: the functions that answer exercises, each with what it needs, cut out of a notebook by its syntax;
- `stripped`: a copy of the package without answers, which is all that a student's code sees of the course;
- `zygote`, `wall`, `answering`: the process that runs a student's code, the wall around it, what it does inside;
- `yard`, `wire`, `remote`: where such processes come from, values that cross the wall as plain bytes, and the function
  that stands for the student's;
- `judging`: exercises with inputs of their own, and the verdict;
- `pool`, `worker`: notebooks given to processes, results kept;
- `rubric`, `marks`, `interchange`, `guide`, `page`, `report`, `feedback`: what the instructor gets.
"""
