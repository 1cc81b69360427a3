/* Lets a reader reach everything: long formulas get smaller, what still scrolls takes the focus, paper shows it all. */
(() => {
  "use strict";
  const article = document.querySelector(".bd-article");
  if (!article) return;
  const SCROLLERS = "pre, mjx-container[display=true], mjx-container.course-wide, .pst-scrollable-table-container, .cell_output .text_html";

  /* The widths of formulas at full size, for the rules in course.css; one in a line of text may need a bar of its own. */
  function measure() {
    for (const drawn of article.querySelectorAll("mjx-container[display=true] > mjx-math")) {
      const formula = drawn.parentElement;
      const block = formula.parentElement;
      const width = drawn.getBoundingClientRect().width;
      if (!width || !block.matches("div.math") || block.style.getPropertyValue("--course-ems")) continue;
      block.style.setProperty("--course-ems", (width / parseFloat(getComputedStyle(formula).fontSize)).toFixed(3));
      block.style.setProperty("--course-size", `${parseFloat(formula.style.fontSize || "100") / 100}em`);
    }
    for (const drawn of article.querySelectorAll("mjx-container:not([display=true]) > mjx-math")) {
      const formula = drawn.parentElement;
      const room = formula.closest("p, li, td, th, dd, figcaption, summary, h1, h2, h3, h4")?.clientWidth;
      if (room) formula.classList.toggle("course-wide", drawn.getBoundingClientRect().width > room);
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
