"""Top storey: one room per lesson, which holds its explorers and its exercises and nothing else."""
