// The page around tokens.js: lights the steps as they happen and shows what is held and what goes over the wire.
// Whatever comes from a server or a token is shown with textContent only.
"use strict";

(() => {
  const LOGGED_EXCHANGES = 12;
  const INSTANTS = new Set(["iat", "nbf", "exp", "auth_time"]);

  const page = document.getElementById("client");
  const element = (id) => document.getElementById(id);
  const form = element("sign-in");
  const texts = new Map();
  for (const node of element("texts").content.querySelectorAll("[data-text]")) {
    texts.set(node.dataset.text, node.textContent);
  }
  const language = document.documentElement.lang;
  const clock = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });

  const client = new TokenClient(page.dataset);
  // At first nobody knows whether the cookie will do; then, whether a sign-out has got through.
  let restoring = true;
  let leaving = false;

  function text(key, values = {}) {
    return texts.get(key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  }

  function inWords(seconds) {
    const [amount, unit] = seconds < 100 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
    return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(amount);
  }

  function make(tag, className, content) {
    const node = document.createElement(tag);
    node.className = className;
    node.textContent = content;
    return node;
  }

  // The steps

  function step(number, state) {
    const item = page.querySelector(`[data-step="${number}"]`);
    item.querySelector(".state")?.remove();
    item.toggleAttribute("aria-current", false);
    if (state) item.dataset.state = state;
    else delete item.dataset.state;
    if (state === "now") item.setAttribute("aria-current", "step");
    if (state) item.append(make("span", "state", text(`state-${state}`)));
  }

  function steps(first, last, state) {
    for (let number = first; number <= last; number += 1) step(number, state);
  }

  function say(kind, message) {
    element("status").replaceChildren(...(message ? [make("p", `notice ${kind}`, message)] : []));
  }

  function explain(refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    if (refusal.status === 0) return text("unreachable");
    const parts = [refusal.message || text("odd", { status: refusal.status }), ...refusal.errors];
    if (refusal.retryAfter) parts.push(text("retry", { time: inWords(refusal.retryAfter) }));
    return parts.join(" ");
  }

  function askAgain() {
    const { email, password } = form.elements;
    (email.value ? password : email).focus();
  }

  // What the buttons do

  async function signIn() {
    steps(1, 8, null);
    step(1, "now");
    try {
      await client.signIn(form.elements.email.value, form.elements.password.value);
    } catch (refusal) {
      step(1, refusal.status ? "done" : "failed");
      if (refusal.status) step(2, "failed");
      say("error", explain(refusal));
      form.elements.password.focus();
      return;
    }
    leaving = false;
    steps(1, 5, "done");
    if (page.querySelector('[data-step="9"][data-state]')) step(9, "done");
    form.elements.password.value = "";
    say("success", text("signed-in"));
    element("call").focus();
  }

  async function call() {
    const held = client.access || client.cookie;
    steps(6, 7, null);
    step(6, "now");
    try {
      const { body, refreshed } = await client.get(page.dataset.me);
      steps(6, 7, "done");
      say("success", text(refreshed ? `called-${refreshed}` : "called", { email: body?.email }));
    } catch (refusal) {
      step(6, refusal.status ? "done" : "failed");
      if (refusal.status) step(7, "failed");
      if (refusal.code === "another_person") return say("info", text("signed-in-elsewhere"));
      if (refusal.status !== 401) return say("error", explain(refusal));
      step(9, "now");
      say("error", held ? text("ended", { reason: explain(refusal) }) : text("no-token"));
      askAgain();
    }
  }

  async function refresh() {
    try {
      await client.refresh();
      say("success", text("refreshed"));
    } catch (refusal) {
      if (refusal.status !== 401) return say("error", explain(refusal));
      step(9, "now");
      say("error", text("ended", { reason: explain(refusal) }));
      askAgain();
    }
  }

  async function signOut() {
    step(8, "now");
    step(9, null);
    try {
      leaving = true;
      await client.signOut();
      leaving = false;
      element("call").focus();
      say("success", text("signed-out"));
      step(8, "done");
    } catch (refusal) {
      say("warning", refusal.status ? `${explain(refusal)} ${text("cleared-only")}` : text("cleared-only"));
      step(8, "failed");
      element("sign-out").focus();
    }
  }

  async function restore() {
    try {
      if (!(await client.restore())) return;
      steps(1, 5, "done");
      say("info", text("restored"));
    } catch (refusal) {
      if (refusal.status === 401) step(9, "now");
      say("error", refusal.status === 401 ? text("ended", { reason: explain(refusal) }) : explain(refusal));
    } finally {
      restoring = false;
      show();
    }
  }

  // What the page shows

  function showHeld() {
    const { access, cookie, secondsLeft } = client;
    const minutes = `${Math.floor(secondsLeft / 60)}:${String(secondsLeft % 60).padStart(2, "0")}`;
    const state = !access ? text("held-none") : text(secondsLeft ? "held-memory" : "held-expired", { time: minutes });
    // Only what changed is written, so that a selection in the line survives the ticking clock.
    if (element("access-state").textContent !== state) element("access-state").textContent = state;
    element("refresh-state").textContent = text(cookie ? "held-cookie" : "held-none");
  }

  function show() {
    const signedIn = Boolean(client.cookie);
    form.hidden = signedIn || restoring;
    // Where a sign-out has failed, only another try is offered: a call would bring a fresh token by the cookie.
    element("call").hidden = signedIn && leaving;
    element("call").disabled = restoring;
    element("refresh").hidden = !signedIn || leaving;
    element("sign-out").hidden = !signedIn;
    const token = client.access ? decode(client.access) : null;
    // Whoever is asked again after a reload need not type the address again.
    form.elements.email.value ||= token?.claims.email ?? "";
    element("decoded").hidden = !token;
    showClaims(element("token-header"), token?.header ?? {});
    showClaims(element("token-claims"), token?.claims ?? {});
    showHeld();
  }

  function showClaims(list, claims) {
    list.replaceChildren(
      ...Object.entries(claims).map(([name, value]) => {
        const row = document.createElement("div");
        const shown = make("dd", "", typeof value === "string" ? value : JSON.stringify(value));
        const notes = [texts.get(`claim-${name}`)];
        if (INSTANTS.has(name) && Number.isFinite(value)) notes.push(clock.format(new Date(value * 1000)));
        const note = notes.filter(Boolean).join(", ");
        if (note) shown.append(make("small", "", note));
        row.append(make("dt", "", name), shown);
        return row;
      }),
    );
  }

  // Enough of a credential to tell one from the next, never enough to use it.
  function veiled(body) {
    const hide = (key, value) => {
      if (key === "password") return "…";
      const secret = ["access", "csrf_token"].includes(key) && typeof value === "string";
      return secret ? `${value.slice(0, 8)}…` : value;
    };
    return JSON.stringify(body, hide, 2);
  }

  const shown = new WeakMap();

  function showExchange({ detail: exchange }) {
    const { method, url, headers, sent, status, reason, answer } = exchange;
    const item = shown.get(exchange) ?? document.createElement("details");
    const outcome = status === null ? "…" : status === 0 ? text("no-answer") : `${status} ${reason}`.trim();
    const line = document.createElement("summary");
    const look = status === null ? "muted" : status >= 200 && status < 300 ? "good" : "bad";
    line.append(make("code", "", `${method} ${url}`), make("span", look, outcome));
    const request = [];
    if (headers.Authorization) request.push(`Authorization: ${headers.Authorization.slice(0, 15)}…`);
    if (exchange.cookie) request.push(text("sent-cookie"));
    if (headers["X-CSRFToken"]) request.push(`X-CSRFToken: ${headers["X-CSRFToken"].slice(0, 8)}…`);
    if (sent) request.push(veiled(sent));
    item.replaceChildren(line);
    if (request.length) item.append(make("pre", "sent", request.join("\n")));
    if (answer !== null) item.append(make("pre", "answer", veiled(answer)));
    if (!shown.has(exchange)) {
      for (const older of element("wire").children) older.open = false;
      item.open = true;
      element("wire").prepend(item);
      shown.set(exchange, item);
    }
    while (element("wire").children.length > LOGGED_EXCHANGES) element("wire").lastChild.remove();
    element("wire-empty").hidden = true;
  }

  // One act at a time: a second click on a slow line must not send a second request.
  async function during(act) {
    if (page.ariaBusy === "true") return;
    page.ariaBusy = "true";
    try {
      await act();
    } finally {
      page.ariaBusy = "false";
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    during(signIn);
  });
  element("call").addEventListener("click", () => during(call));
  element("refresh").addEventListener("click", () => during(refresh));
  element("sign-out").addEventListener("click", () => during(signOut));
  client.addEventListener("exchange", showExchange);
  client.addEventListener("change", ({ detail: how }) => {
    if (how !== "here") leaving = false;
    show();
    if (how === "here") return;
    steps(1, 9, null);
    if (how === "signed-out") step(8, "done");
    say("info", text(`${how}-elsewhere`));
  });

  show();
  page.hidden = false;
  setInterval(showHeld, 1000);
  during(restore);
})();
