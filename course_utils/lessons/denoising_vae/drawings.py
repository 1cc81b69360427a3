"""Lesson 11, the denoising VAE: the drawing of its machine."""

from course_utils.workshop.sketch import Drawing, Place, Sketch
from course_utils.workshop.style import palette


def machine(data_dim: int, latent_dim: int) -> Drawing:
    """Draw a denoising VAE with the shapes of a batch of N data points: what is corrupted, and what is not."""
    pixels, code = f"(N, {data_dim})", f"(N, {latent_dim})"
    sketch, middle, width = Sketch(11.4, 4.7), 2.75, 11.4
    x = sketch.box("x", "$x$", Place(0.55, middle, 0.8, 0.8), palette.data, size=20)
    harm = sketch.box("corrupt", "corrupt", Place(2.35, middle, 1.15, 1.2), palette.warning)
    seen = sketch.box("seen", r"$\tilde{x}$", Place(4.1, middle, 0.8, 0.8), palette.data, size=20)
    encoder = sketch.box("encoder", "encoder", Place(5.55, middle, 1.1, 1.7), palette.approximation)
    q = sketch.box(
        "q", "$q(z\\,|\\,\\tilde{x})$\n$\\mu,\\ \\sigma$", Place(7.1, middle, 1.2, 1.2), palette.approximation
    )
    draw = sketch.box("draw", "$\\mu+\\sigma\\,\\varepsilon$", Place(8.72, middle, 1.1, 0.9), palette.approximation)
    decoder = sketch.box("decoder", "decoder", Place(10.55, middle, 1.1, 1.7), palette.model)
    dice = sketch.circle("noise", "?", harm.x, 4.25, palette.warning, bold_ring=True)
    epsilon = sketch.circle("epsilon", r"$\varepsilon$", draw.x, 4.25, palette.warning, bold_ring=True)
    sketch.text("noise words", f"fresh, {pixels}", dice.at(1)[0] + 0.12, dice.y, ha="left")
    sketch.text("epsilon words", code, epsilon.at(1)[0] + 0.12, epsilon.y, ha="left")
    sketch.arrow("noise to corrupt", dice.at(0, -1.1), harm.at(0, 1))
    sketch.arrow("epsilon to draw", epsilon.at(0, -1.1), draw.at(0, 1))
    row = (x, harm, seen, encoder, q, draw, decoder)
    shapes = (pixels, "", "", "", "", code)
    for left, right, shape in zip(row[:-1], row[1:], shapes, strict=True):
        sketch.arrow("forward", left.at(1), right.at(-1))
        if shape:
            sketch.text(f"shape {shape}", shape, (left.at(1)[0] + right.at(-1)[0]) / 2, middle + 0.25)
    kl = sketch.box(
        "kl", "KL term\n$\\mathrm{KL}(q(z|\\tilde{x})\\,\\|\\,p)$", Place(q.x, 1.0, 2.1, 0.85), palette.approximation
    )
    fit = sketch.box(
        "fit", "reconstruction\n$\\log\\,p(x\\,|\\,z)$", Place(width - 0.98, 1.0, 1.75, 0.85), palette.model
    )
    sketch.arrow("q to kl", q.at(0, -1), kl.at(0, 1))
    sketch.arrow("decoder to fit", decoder.at(0, -1), (decoder.x, fit.at(0, 1)[1]))
    sketch.arrow("x to fit", x.at(0, -1), (x.x, 0.25), (fit.x, 0.25), fit.at(0, -1))
    sketch.text("target", "the target: clean $x$", 2.6, 0.48)
    return Drawing(
        sketch.figure,
        f"A denoising VAE from left to right, for a batch of N. x {pixels} goes through a box that corrupts it, with "
        f"fresh noise {pixels} from a bold ring, and becomes x-tilde. The encoder reads x-tilde and gives mean and "
        f"scale of q of z given x-tilde; with noise epsilon {code} they make the draw, which the decoder reads. Below, "
        "the KL term hangs on q of z given x-tilde; the reconstruction term gets the decoder's answer, and by a long "
        "arrow that passes under everything the clean x.",
    )
