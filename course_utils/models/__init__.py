"""Middle storey: the models and algorithms that the lessons teach, one concept in each module."""
