// The token flow as a client in a browser walks it, without a page: sign in, send the token, refresh it, sign out.
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
 * Keeps the access token in memory and nothing anywhere else: the refresh token is in a cookie that no script can read,
 * and that all tabs share. Tells `exchange` (each request, again with its answer) and `change` (what is held changed);
 * the detail of `change` is "here", or what another tab has done: "signed-in" or "signed-out".
 */
class TokenClient extends EventTarget {
  static #REFRESH_HELPS = new Set(["token_stale", "token_not_valid"]);

  #urls;
  #access = null;
  #expiresAt = 0;
  #csrf = null;
  #cookie = null;
  #refreshing = null;
  #era = 0;
  #tabs = new BroadcastChannel("token-client");

  constructor(urls) {
    super();
    this.#urls = urls;
    this.#tabs.addEventListener("message", ({ data }) => this.#hearOtherTab(data));
  }

  get access() {
    return this.#access;
  }

  /** Whether this browser has a refresh cookie, as far as this tab knows; null before it has asked. */
  get cookie() {
    return this.#cookie;
  }

  /** Seconds that the access token is still good for, by this computer's clock. */
  get secondsLeft() {
    return Math.max(0, Math.round((this.#expiresAt - Date.now()) / 1000));
  }

  /** After a (re)load: whether there is a cookie to go on with, and if so, a fresh token by it. */
  async restore() {
    await this.#prepare();
    if (this.#cookie) await this.refresh();
    return Boolean(this.#access);
  }

  async signIn(email, password) {
    // The answer of an older refresh must not come last: it would put the cookie back.
    await this.#refreshing?.catch(() => {});
    const body = await this.#byCookie(this.#urls.token, { email, password, transport: "cookie" });
    this.#era += 1;
    this.#keep(body);
    this.#tabs.postMessage("signed-in");
  }

  /**
   * GET with the token. If it has expired or is refused, it is refreshed in silence and the request repeated, once; the
   * server need not say why. Requests at the same time share one refresh. `{body, refreshed}`: why it was, or null.
   */
  async get(url) {
    let refreshed = null;
    if (this.#cookie === null) await this.#prepare();
    if (this.#cookie && !this.secondsLeft) {
      refreshed = this.#access ? "expired" : "missing";
      await this.refresh();
    }
    const sent = this.#access;
    try {
      return { body: await this.#send("GET", url, { bearer: sent }), refreshed };
    } catch (refusal) {
      const helps = refusal.status === 401 && TokenClient.#REFRESH_HELPS.has(refusal.code);
      if (!helps || !this.#cookie || refreshed) throw refusal;
      // Another request may have brought a fresh one while this was under way.
      if (sent === this.#access) await this.refresh();
      return { body: await this.#send("GET", url, { bearer: this.#access }), refreshed: refusal.code };
    }
  }

  /** A fresh token; whoever asks meanwhile shares the one request. Several tabs need no arrangement: the server has one. */
  refresh() {
    this.#refreshing ??= this.#refreshOnce().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** Forgets the token first, so that nothing on the network can keep it here. Only the server can delete the cookie. */
  async signOut() {
    this.#forget("here", { cookie: true });
    this.#tabs.postMessage("signed-out");
    await this.#byCookie(this.#urls.revoke, {});
    this.#forget("here");
  }

  async #refreshOnce() {
    const era = this.#era;
    const was = this.#access && decode(this.#access)?.claims.sub;
    const ask = () => this.#byCookie(this.#urls.refresh, {}, 4_000);
    let body;
    try {
      // If the answer was lost, the server has rotated already: only a repetition within seconds is no replay.
      body = await ask().catch((refusal) => (refusal.status === 0 ? ask() : Promise.reject(refusal)));
    } catch (refusal) {
      if (era === this.#era && (refusal.status === 400 || refusal.status === 401)) this.#forget("here");
      throw refusal;
    }
    // Signed out, or in anew, while this was under way: this token belongs to nobody any more.
    if (era !== this.#era) throw new Refused(401);
    this.#keep(body);
    // Somebody else has signed in, in another tab: what was asked as one person is not repeated as another.
    if (was && was !== decode(this.#access)?.claims.sub) throw new Refused(401, { code: "another_person" });
  }

  #keep(body) {
    const { access, expires_in: seconds } = body ?? {};
    if (typeof access !== "string" || typeof seconds !== "number") throw new Refused(200);
    this.#access = access;
    this.#cookie = true;
    this.#expiresAt = Date.now() + seconds * 1000;
    this.#changed("here");
  }

  #forget(how, { cookie = false } = {}) {
    this.#era += 1;
    this.#access = null;
    this.#expiresAt = 0;
    this.#cookie = cookie;
    this.#changed(how);
  }

  // What was held is of a Login that has ended. Of a sign-in nothing is taken over before it is needed.
  #hearOtherTab(how) {
    if (how === "signed-in" || this.#access || this.#cookie) this.#forget(how, { cookie: how === "signed-in" });
  }

  #changed(how) {
    this.dispatchEvent(new CustomEvent("change", { detail: how }));
  }

  async #prepare() {
    const { present, csrf_token: token } = await this.#send("GET", this.#urls.cookie, { credentials: "same-origin" });
    this.#cookie = present;
    this.#csrf = token;
  }

  // A sign-in at a page of the site brings a new CSRF secret, so one that was good may be refused later.
  async #byCookie(url, json, patience) {
    for (let last = false; ; last = true) {
      if (!this.#csrf) await this.#prepare();
      const options = { json, csrf: this.#csrf, credentials: "same-origin" };
      try {
        return await this.#send("POST", url, options, patience);
      } catch (refusal) {
        if (last || refusal.code !== "csrf_failed") throw refusal;
        this.#csrf = null;
      }
    }
  }

  async #send(method, url, { json, bearer, csrf, credentials = "omit" }, patience = 10_000) {
    const headers = {};
    if (json) headers["Content-Type"] = "application/json";
    if (csrf) headers["X-CSRFToken"] = csrf;
    if (bearer) headers.Authorization = `Bearer ${bearer}`;
    const cookie = credentials !== "omit" && this.#cookie;
    const exchange = { method, url, headers, cookie, sent: json, status: null, reason: "", answer: null };
    const tell = () => this.dispatchEvent(new CustomEvent("exchange", { detail: exchange }));
    tell();
    try {
      const response = await fetch(url, {
        method,
        headers,
        body: json && JSON.stringify(json),
        // Only the token doors get cookies. Without them the browser is an API client like any other, even where the same
        // person has a session.
        credentials,
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
