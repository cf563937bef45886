"""Judging whole archives: tasks of plain data go out to workers, rows of plain data come back in archive order."""
