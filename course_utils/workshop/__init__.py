"""Ground storey: what every lesson needs and none teaches. It knows no model and no lesson."""
