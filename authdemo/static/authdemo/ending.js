// Has many logins ended, a step after the other, for as long as the page is open.
"use strict";

(() => {
  const place = document.querySelector("[data-ending]");
  const work = place && place.querySelector("[data-ending-work]");
  if (!work) return;
  const bar = place.querySelector("progress");
  const howFar = place.querySelector(".how-far");
  const state = place.querySelector("[data-ending-state]");
  const stop = place.querySelector("[data-ending-stop] button");
  const signIn = place.querySelector("[data-ending-sign-in]");
  const goOn = work.querySelector("button");

  function say(text) {
    if (state.textContent !== text) state.textContent = text;
  }

  // A step of about half a second; null where the server has not answered as it should.
  async function step(isClick) {
    const sent = new FormData(work);
    if (!isClick) sent.delete("go on");
    return fetch(work.action, {
      method: "POST",
      body: new URLSearchParams(sent),
      headers: { Accept: "application/json" },
      redirect: "manual",
    });
  }

  function wait(text, label) {
    say(text);
    work.hidden = false;
    goOn.disabled = false;
    if (label) goOn.textContent = label;
  }

  async function drive(isClick) {
    work.hidden = true;
    signIn.hidden = true;
    stop.disabled = false;
    say(state.dataset.working);
    for (let click = isClick; ; click = false) {
      let answer;
      let told;
      try {
        answer = await step(click);
        if (answer.type === "opaqueredirect") {
          say(state.dataset.signedOut);
          signIn.hidden = false;
          return;
        }
        if (answer.status === 403) return wait(state.dataset.refused, state.dataset.again);
        if (!answer.ok) return wait(state.dataset.failed, state.dataset.again);
        told = await answer.json();
      } catch {
        return wait(state.dataset.failed, state.dataset.again);
      }
      bar.value = told.share;
      howFar.textContent = told.text;
      // The page knows what there is to say now.
      if (!told.goes_on) return location.reload();
    }
  }

  work.addEventListener("submit", (event) => {
    event.preventDefault();
    goOn.disabled = true;
    drive(true);
  });
  if ("begins" in place.dataset) drive(false);
})();
