"""What is built from the notebooks: students' copy, slides, site, indexes, release."""
