// The lab's buttons without loading the page anew: send the form, swap the panes. Without it, all is the same.
"use strict";

(() => {
  const bench = document.getElementById("bench");
  const said = document.getElementById("said");
  const parser = new DOMParser();
  let busy = false;
  let clock = 0;

  function tell(text) {
    const line = document.createElement("p");
    line.className = "done";
    line.textContent = text;
    said.replaceChildren(line);
  }

  async function press(form) {
    if (busy) return;
    busy = true;
    clearInterval(clock);
    bench.setAttribute("aria-busy", "true");
    tell(bench.dataset.busy);
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
      const page = parser.parseFromString(await answer.text(), "text/html");
      const panes = page.getElementById("panes");
      if (!panes) throw new Error("no panes");
      document.getElementById("panes").replaceWith(panes);
      said.replaceChildren(...page.getElementById("said").childNodes);
      count(panes);
      // What has come of it would be out of sight below the buttons, or above what was being read.
      const { top } = said.getBoundingClientRect();
      if (top < 0 || top > window.innerHeight - 120) said.scrollIntoView();
    } catch {
      tell(bench.dataset.failed);
    } finally {
      busy = false;
      bench.removeAttribute("aria-busy");
    }
  }

  // The token that was made to be waited for: its seconds, then the call that finds it over.
  function count(panes) {
    let left = Number(panes.dataset.seconds);
    if (!left) return;
    const place = document.createElement("strong");
    place.className = "seconds";
    document.getElementById("countdown").after(" ", place);
    const show = () => { place.textContent = `${Math.max(left, 0)} s`; };
    show();
    clock = setInterval(() => {
      left -= 1;
      show();
      // One second more than was promised: the server's clock counts whole ones.
      if (left < 0) press(document.querySelector('form[action$="/call/"]'));
    }, 1000);
  }

  for (const form of document.querySelectorAll("form[data-act]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      press(form);
    });
  }
})();
