/* Puts a filter above the index of claims. Without it the whole list is there. */
(() => {
  "use strict";
  const index = document.querySelector(".bd-article > section");
  const lessons = Array.from(index?.querySelectorAll(":scope > section") ?? []);
  if (!lessons.length) return;

  // "Müller" is found as "muller", and a typed ' finds the printed ’.
  const plain = (text) =>
    text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/[\u2018\u2019]/g, "'").replace(/\s+/g, " ").toLowerCase();
  const headings = lessons.map((lesson) => lesson.querySelector("h2 > a:not(.headerlink)").textContent);
  const claims = lessons.flatMap((lesson, number) =>
    Array.from(lesson.querySelectorAll("tbody tr"), (row) => ({ row, number, text: plain(row.textContent) })),
  );

  const form = document.createElement("form");
  form.className = "course-filter";
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "Claims");
  form.innerHTML = `
    <p><label for="course-filter-words">Words</label>
      <input id="course-filter-words" type="search" autocomplete="off" spellcheck="false"></p>
    <p><label for="course-filter-lesson">Lesson</label>
      <select id="course-filter-lesson"><option value="">all lessons</option></select></p>
    <p><button type="reset">Show all</button></p>
    <p class="course-filter-count" role="status" aria-live="polite"></p>`;
  const words = form.querySelector("input");
  const choice = form.querySelector("select");
  const count = form.querySelector(".course-filter-count");
  headings.forEach((heading, number) => choice.add(new Option(heading, String(number))));

  function show() {
    const wanted = plain(words.value).split(" ").filter(Boolean);
    const left = new Set();
    let shown = 0;
    for (const { row, number, text } of claims) {
      const fits = (!choice.value || Number(choice.value) === number) && wanted.every((word) => text.includes(word));
      row.hidden = !fits;
      if (fits) {
        left.add(number);
        shown += 1;
      }
    }
    lessons.forEach((lesson, number) => {
      lesson.hidden = !left.has(number);
    });
    count.textContent = shown
      ? `${shown} of ${claims.length} claims`
      : `No claim fits: none of the ${claims.length} has all of these words${choice.value ? " in this lesson" : ""}.`;
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show)); // the fields are emptied after the event
  words.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !words.value) return;
    words.value = "";
    show();
  });
  // A link to a lesson that is filtered away shows it again.
  window.addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target?.closest("section[hidden]")) return;
    form.reset();
    setTimeout(() => target.scrollIntoView());
  });

  lessons[0].before(form);
  show(); // a browser may bring back what was typed before a reload
})();
