// Goes on saying which processes know of an end, until nothing more will come.
"use strict";

(() => {
  const EVERY_MS = 500;
  const MOST = 60;

  async function told(address) {
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  async function follow(place) {
    for (let time = 0; time < MOST; time++) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      const known = await told(place.dataset.receipt);
      if (!known) continue;
      // Only what has changed is read out.
      if (place.textContent !== known.text) place.textContent = known.text;
      if (known.settled) {
        place.closest("li").className = "success";
        return;
      }
    }
  }

  for (const place of document.querySelectorAll("[data-receipt]")) follow(place);
})();
