/* Sets a formula smaller that is wider than its place, once the formulas are drawn. */
(() => {
  "use strict";
  function fit() {
    for (const drawn of document.querySelectorAll("mjx-container[display=true]")) {
      const place = drawn.parentElement.clientWidth;
      const width = drawn.querySelector("mjx-math").getBoundingClientRect().width;
      const size = parseFloat(getComputedStyle(drawn).fontSize);
      if (width > place) drawn.style.fontSize = `${(0.99 * size * place) / width}px`;
    }
  }

  window.handout = window.MathJax.startup.promise.then(() => document.fonts.ready).then(fit);
})();
