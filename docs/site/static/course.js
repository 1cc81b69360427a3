/* Lets a reader reach everything: long formulas get smaller, what still scrolls takes the focus, paper shows it all. */
(() => {
  "use strict";
  const article = document.querySelector(".bd-article");
  if (!article) return;
  const BLOCKS = "p, li, td, th, dd, figcaption, summary, h1, h2, h3, h4";
  const SCROLLERS =
    "pre, mjx-container[display=true], .course-wide > mjx-container, .pst-scrollable-table-container, .cell_output .text_html";

  const widths = new WeakMap(); // of formulas at full size, in their own ems

  /* Tell course.css how wide each formula is, and find those in a line of text that are wider than their paragraph. */
  function measure() {
    const found = [];
    for (const drawn of article.querySelectorAll(".math > mjx-container > mjx-math")) {
      const formula = drawn.parentElement;
      const block = formula.parentElement;
      const scale = parseFloat(formula.style.fontSize || "100") / 100;
      const known = widths.get(block);
      if (known && block.matches("div")) continue;
      const ems = known ?? drawn.getBoundingClientRect().width / parseFloat(getComputedStyle(formula).fontSize);
      if (!ems) continue; // folded away
      const room = block.parentElement.closest(BLOCKS)?.clientWidth;
      const wide = block.matches("span") && room && ems * scale * parseFloat(getComputedStyle(block).fontSize) > room;
      found.push([block, ems, scale, wide]);
    }
    for (const [block, ems, scale, wide] of found) {
      if (!widths.has(block)) {
        widths.set(block, ems);
        block.style.setProperty("--course-ems", ems.toFixed(3));
        block.style.setProperty("--course-size", `${scale}em`);
      }
      block.classList.toggle("course-wide", Boolean(wide));
      if (!wide && block.matches("span")) block.firstElementChild.classList.remove("course-scrolls");
    }
  }

  function mark() {
    measure();
    for (const element of article.querySelectorAll(SCROLLERS)) {
      const scrolls = element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1;
      if (scrolls !== element.classList.contains("course-scrolls")) {
        element.classList.toggle("course-scrolls", scrolls);
        if (scrolls || !element.matches("mjx-container")) element.tabIndex = scrolls ? 0 : -1; // formulas have a menu
      }
    }
  }

  // The article's size changes with the window, and when a passage is unfolded.
  new ResizeObserver(mark).observe(article);
  window.addEventListener("load", () => {
    mark();
    window.MathJax?.startup?.promise?.then(() => document.fonts.ready).then(mark);
  });

  const page = document.documentElement;
  let folded = [];
  let light = "";
  window.addEventListener("beforeprint", () => {
    folded = Array.from(article.querySelectorAll("details:not([open])"));
    for (const passage of folded) passage.open = true;
    light = page.dataset.theme;
    page.dataset.theme = "light"; // paper is white
    mark();
  });
  window.addEventListener("afterprint", () => {
    for (const passage of folded) passage.open = false;
    page.dataset.theme = light;
    folded = [];
  });
})();
