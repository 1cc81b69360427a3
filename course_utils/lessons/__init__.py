"""Top storey: one room per lesson, which holds its explorers and its exercises, and the data and models that its
notebook and its explorers share, and nothing else."""
