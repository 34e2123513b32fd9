// The token flow as a client walks it, without a page: sign in, keep the tokens, send them, refresh them, forget them.
"use strict";

/** The server said no, or (`status` 0) nothing at all. `code`, `message` and `errors` come from its problem+json. */
class Refused extends Error {
  constructor(status, problem = {}, retryAfter = null) {
    super(problem.detail || problem.error_description || problem.title || "");
    this.status = status;
    this.code = problem.code || problem.error || "";
    this.errors = Object.values(problem.errors ?? {}).flatMap((told) => told.map(({ detail }) => detail));
    this.retryAfter = retryAfter;
  }
}

/**
 * Keeps the access token in memory and the refresh token in the tab's session storage, so that a reload survives.
 * Tells `exchange` (each request, again with its answer) and `change` (what is held changed); the detail of `change` is
 * true if another tab was the cause.
 */
class TokenClient extends EventTarget {
  static #STORED = "refresh-token";
  static #REFRESH_HELPS = new Set(["token_stale", "token_expired", "token_not_valid"]);

  #urls;
  #access = null;
  #expiresAt = 0;
  #refreshing = null;
  #era = 0;
  #tabs = new BroadcastChannel("refresh-token");

  constructor(urls) {
    super();
    this.#urls = urls;
    this.#tabs.addEventListener("message", ({ data }) => this.#hearOtherTab(data));
  }

  get access() {
    return this.#access;
  }

  /** Seconds that the access token is still good for, by this computer's clock. */
  get secondsLeft() {
    return Math.max(0, Math.round((this.#expiresAt - Date.now()) / 1000));
  }

  get refreshToken() {
    return sessionStorage.getItem(TokenClient.#STORED);
  }

  async signIn(email, password) {
    const body = await this.#send("POST", this.#urls.token, { json: { email, password } });
    this.#keep(body);
    this.#era += 1;
  }

  /** GET with the token. If it is refused, it is refreshed and the request repeated, once; the server need not say why. */
  async get(url) {
    let refreshed = false;
    if (!this.#access && this.refreshToken) await this.refresh();
    for (;;) {
      const sent = this.#access;
      try {
        return { body: await this.#send("GET", url, { bearer: sent }), refreshed };
      } catch (refusal) {
        if (refusal.status !== 401) throw refusal;
        if (refreshed || !this.refreshToken || !TokenClient.#REFRESH_HELPS.has(refusal.code)) {
          if (sent && sent === this.#access) this.#forget();
          throw refusal;
        }
        await this.refresh();
        refreshed = true;
      }
    }
  }

  /** Fresh tokens for the old refresh token; whoever asks meanwhile shares the one request. */
  refresh() {
    this.#refreshing ??= this.#refreshOnce().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** Clears the tokens first, so that nothing on the network can keep them here; then tells the server. */
  async signOut() {
    const refresh = this.refreshToken;
    this.#forget();
    if (!refresh) return;
    this.#tabs.postMessage({ was: refresh, now: null });
    await this.#send("POST", this.#urls.revoke, { form: { token: refresh } });
  }

  async #refreshOnce() {
    const era = this.#era;
    const was = this.refreshToken;
    if (!was) throw new Refused(401);
    const ask = () => this.#send("POST", this.#urls.refresh, { json: { refresh: was } }, 4_000);
    let body;
    try {
      // If the answer was lost, the server has rotated already: only a repetition within seconds is no replay.
      body = await ask().catch((refusal) => (refusal.status === 0 ? ask() : Promise.reject(refusal)));
    } catch (refusal) {
      if (era === this.#era && (refusal.status === 400 || refusal.status === 401)) this.#forget();
      throw refusal;
    }
    // Signed out, or in anew, while this was under way: these tokens belong to nobody any more.
    if (era !== this.#era) throw new Refused(401);
    this.#keep(body);
    this.#tabs.postMessage({ was, now: body.refresh });
  }

  #keep(body) {
    const { access, refresh, expires_in: seconds } = body ?? {};
    if (typeof access !== "string" || typeof refresh !== "string") throw new Refused(200);
    const { iat = 0, exp = 0 } = decode(access)?.claims ?? {};
    this.#access = access;
    this.#expiresAt = Date.now() + (seconds ?? exp - iat) * 1000;
    sessionStorage.setItem(TokenClient.#STORED, refresh);
    this.#changed(false);
  }

  #forget(elsewhere = false) {
    this.#era += 1;
    this.#access = null;
    sessionStorage.removeItem(TokenClient.#STORED);
    this.#changed(elsewhere);
  }

  // A duplicated tab holds a copy of the same refresh token. If it went on with it after the other tab had moved to the
  // next one, the server would see a replay and end the Login.
  #hearOtherTab({ was, now }) {
    if (this.refreshToken !== was) return;
    if (now) sessionStorage.setItem(TokenClient.#STORED, now);
    else this.#forget(true);
  }

  #changed(elsewhere) {
    this.dispatchEvent(new CustomEvent("change", { detail: elsewhere }));
  }

  async #send(method, url, { json, form, bearer }, patience = 10_000) {
    const headers = {};
    if (json) headers["Content-Type"] = "application/json";
    if (form) headers["Content-Type"] = "application/x-www-form-urlencoded";
    if (bearer) headers.Authorization = `Bearer ${bearer}`;
    const exchange = { method, url, headers, sent: json ?? form, status: null, reason: "", answer: null };
    const tell = () => this.dispatchEvent(new CustomEvent("exchange", { detail: exchange }));
    tell();
    try {
      const response = await fetch(url, {
        method,
        headers,
        body: json ? JSON.stringify(json) : form && new URLSearchParams(form),
        // Without its cookies the browser is an API client like any other, even where the same person has a session.
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.timeout(patience),
      });
      const text = await response.text();
      exchange.status = response.status;
      exchange.reason = response.statusText;
      exchange.answer = parsed(text);
      if (response.ok) return exchange.answer;
      throw new Refused(response.status, exchange.answer ?? {}, secondsOf(response.headers.get("Retry-After")));
    } catch (failure) {
      if (failure instanceof Refused) throw failure;
      exchange.status = 0;
      throw new Refused(0);
    } finally {
      tell();
    }
  }
}

/** `{header, claims}` of a JWT, unverified, for display only; null if it is none. */
function decode(token) {
  try {
    const [header, claims] = token.split(".", 2).map((part) => {
      const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
      return JSON.parse(new TextDecoder().decode(bytes));
    });
    return { header, claims };
  } catch {
    return null;
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Retry-After, which is a number of seconds or a date, as seconds. */
function secondsOf(retryAfter) {
  if (!retryAfter) return null;
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : null;
}
