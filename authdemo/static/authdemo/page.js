// What every page gains from a script and works without: times by the reader's own clock, a look at a password,
// focus on a mistake.
"use strict";

(() => {
  const language = document.documentElement.lang;
  const precise = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

  function ago(instant) {
    const minutes = Math.round((Date.now() - instant) / 60_000);
    if (minutes < 60) return relative.format(-minutes, "minute");
    if (minutes < 48 * 60) return relative.format(-Math.round(minutes / 60), "hour");
    return relative.format(-Math.round(minutes / (24 * 60)), "day");
  }

  for (const time of document.querySelectorAll("time[datetime]")) {
    const instant = new Date(time.dateTime);
    if (Number.isNaN(instant.getTime())) continue;
    time.title = time.textContent;
    time.textContent = "ago" in time.dataset ? ago(instant) : precise.format(instant);
  }

  for (const button of document.querySelectorAll("button[data-reveal]")) {
    const field = document.getElementById(button.dataset.reveal);
    const label = document.querySelector(`label[for="${field.id}"]`).textContent.trim();
    const show = button.textContent;
    const turn = (shown) => {
      field.type = shown ? "text" : "password";
      button.textContent = shown ? button.dataset.hide : show;
      button.setAttribute("aria-label", `${button.textContent}: ${label}`);
    };
    turn(false);
    button.hidden = false;
    button.addEventListener("click", () => turn(field.type === "password"));
    // Password managers save only what is a password field at the moment of sending.
    field.form.addEventListener("submit", () => turn(false));
  }

  const mistaken = document.querySelector('[aria-invalid="true"]');
  (mistaken ?? document.querySelector('[role="alert"] ~ form input[type="password"]'))?.focus();
})();
