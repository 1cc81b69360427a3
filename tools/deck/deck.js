/* Starts a deck: mathematics and pictures are measured while all slides are laid out, then the slides begin. */
const WIDTH = 1280, HEIGHT = 720, SMALLEST = 0.6;

document.documentElement.classList.add("laid-out");

window.MathJax = {
  tex: { inlineMath: [["$", "$"], ["\\(", "\\)"]], displayMath: [["$$", "$$"], ["\\[", "\\]"]], processEscapes: true },
  options: { menuOptions: { settings: { assistiveMml: true } }, ignoreHtmlClass: "notes|output|highlight|course-frames" },
  startup: {
    ready() {
      MathJax.startup.defaultReady();
      MathJax.startup.promise.then(start);
    },
  },
};

function start() {
  for (const slide of document.querySelectorAll(".slides section:not(:has(> section))")) fit(slide);
  document.documentElement.classList.remove("laid-out");
  Reveal.initialize({
    width: WIDTH, height: HEIGHT, margin: 0, center: false, minScale: 0.1, maxScale: 4,
    hash: true, slideNumber: "c/t", transition: "none", plugins: [RevealNotes],
    // A key that moves a slider must not turn the page.
    keyboardCondition: () => !document.activeElement.closest(".course-frames"),
  });
}

// Where a slide is too high, its highest picture becomes smaller, within reason.
function fit(slide) {
  const excess = slide.offsetHeight - HEIGHT;
  const pictures = [...slide.querySelectorAll(".course-frames-picture, .picture > img, .picture p > img, .text img")];
  const picture = pictures.sort((a, b) => b.offsetHeight - a.offsetHeight)[0];
  if (excess <= 0 || !picture) return;
  const part = Math.max(SMALLEST, 1 - (excess + 2) / picture.offsetHeight);
  picture.style.width = `${Math.floor(picture.offsetWidth * part)}px`;
  picture.style.minHeight = "0";
}

// Escape leaves an explorer, so that the keys turn pages again.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.activeElement.closest(".course-frames")) {
    document.activeElement.blur();
    event.stopImmediatePropagation();
  }
}, true);
