/* Starts a deck: mathematics and pictures are measured, in the deck's fonts, while all slides are laid out; then the
   slides begin. */
const [WIDTH, HEIGHT] = document.documentElement.dataset.slide.split("x").map(Number);
// On the slides of a plan a figure is as wide as its slide, if it is not too high.
const SMALLEST = 0.6, LARGEST = document.documentElement.classList.contains("large") ? 3 : 1.6;

document.documentElement.classList.add("laid-out");

window.MathJax = {
  tex: { inlineMath: [["$", "$"], ["\\(", "\\)"]], displayMath: [["$$", "$$"], ["\\[", "\\]"]], processEscapes: true },
  options: { menuOptions: { settings: { assistiveMml: true } }, ignoreHtmlClass: "notes|output|highlight|course-frames" },
  startup: {
    ready() {
      fonts().then(() => {
        MathJax.startup.defaultReady();
        // A formula is as high as its own fonts make it: they are asked for when it is laid out.
        MathJax.startup.promise.then(() => document.body.offsetHeight && document.fonts.ready).then(start);
      });
    },
  },
};

// All faces are there before anything is measured, those of later slides too. One that cannot be had delays nothing.
function fonts() {
  return Promise.allSettled([...document.fonts].filter((face) => /Course/.test(face.family)).map((face) => face.load()));
}

function start() {
  for (const slide of document.querySelectorAll(".slides section:not(:has(> section))")) fit(slide);
  document.documentElement.classList.remove("laid-out");
  Reveal.initialize({
    width: WIDTH, height: HEIGHT, margin: 0, center: false, minScale: 0.1, maxScale: 4,
    hash: true, pdfSeparateFragments: false, slideNumber: "c/t", transition: "none", navigationMode: "linear", controlsLayout: "edges",
    plugins: [RevealNotes],
    // A key that moves a slider must not turn the page.
    keyboardCondition: () => !document.activeElement.closest(".course-frames"),
  });
}

// The highest picture of a slide takes the room that the slide has for it, within reason.
function fit(slide) {
  const pictures = [...slide.querySelectorAll(".course-frames-picture, .picture img, .text img")]
    .filter((picture) => !picture.parentElement.closest(".course-frames-picture"));
  const picture = pictures.sort((a, b) => b.offsetHeight - a.offsetHeight)[0];
  if (!picture) return;
  const { offsetWidth: width, offsetHeight: height } = picture;
  const room = (height + HEIGHT - slide.offsetHeight - 2) / height;
  const part = Math.min(Math.max(room, SMALLEST), LARGEST, picture.closest(".cell").clientWidth / width);
  picture.style.width = `${Math.floor(width * part)}px`;
}

// Escape leaves an explorer, so that the keys turn pages again.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.activeElement.closest(".course-frames")) {
    document.activeElement.blur();
    event.stopImmediatePropagation();
  }
}, true);
