/* Lets the explorers of a page answer to their controls, from the frames they carry. */
(() => {
  "use strict";
  const started = new WeakSet();

  function start(figure) {
    const store = figure.querySelector('script[type="application/json"]');
    const panel = figure.querySelector(".course-frames-controls");
    const base = figure.querySelector(".course-frames-base");
    const patch = figure.querySelector(".course-frames-patch");
    const sentence = figure.querySelector(".course-frames-sentence");
    if (started.has(figure) || !store || !panel || !base || !patch || !sentence) return;
    started.add(figure);
    const inputs = Array.from(panel.querySelectorAll("input, select"));
    let data = null;

    const place = (input) => (input.type === "range" ? Number(input.value) : input.selectedIndex);

    function show() {
      data = data || JSON.parse(store.textContent); // large, so it is read when it is first needed
      let state = 0;
      inputs.forEach((input, control) => {
        const value = place(input);
        state = state * data.counts[control] + value;
        if (data.words[control]) {
          const words = data.words[control][value];
          input.setAttribute("aria-valuetext", words);
          input.nextElementSibling.textContent = words;
        }
      });
      const [picture, number] = data.states[state];
      if (picture) patch.src = "data:image/webp;base64," + data.patches[picture - 1];
      patch.hidden = !picture;
      base.alt = data.sentences[number];
      if (sentence.textContent !== base.alt) sentence.textContent = base.alt; // else it would be read out again
    }

    function reset() {
      for (const input of inputs) {
        if (input.type === "range") input.value = input.defaultValue;
        else input.selectedIndex = Array.from(input.options).findIndex((option) => option.defaultSelected);
      }
    }

    reset(); // a browser may bring back what was set before a reload
    panel.addEventListener("input", show);
    panel.addEventListener("change", show);
    panel.querySelector("button").addEventListener("click", () => {
      reset();
      show();
    });
    // In a deck the keys of a focused control are its own; Escape gives them back to the deck.
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Tab") return;
      if (event.key === "Escape") {
        if (!figure.closest(".reveal")) return;
        event.target.blur();
      }
      event.stopPropagation();
    });
    panel.hidden = false;
  }

  function startAll() {
    document.querySelectorAll(".course-frames").forEach(start);
  }

  function begin() {
    startAll();
    new MutationObserver(startAll).observe(document.documentElement, { childList: true, subtree: true });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
