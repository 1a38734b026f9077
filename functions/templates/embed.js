// Defines <heartbeat-status src="https://heartbeat.example" device="Laptop">, for pages anywhere: when a device was last seen,
// live, as the Heartbeat server at `src` tells it. Without `src` that is the server which this script came from, and without
// `device` any device. Until the stats are there, the element shows its own content.
//
// Comments start their line: they and the indentation are not sent (see `embed.rs`).
((script, ownStream) => {
  "use strict";
  const NAME = "heartbeat-status";
  if (customElements.get(NAME)) return;

  // Milliseconds without a frame after which a hello is sent, and after which the connection is given up: before the first
  // frame, which comes at once, and afterwards, when one is due in half a minute at least.
  const FIRST_FRAME = { hello: 3_000, timeout: 9_000 };
  const NEXT_FRAME = { hello: 35_000, timeout: 40_000 };
  const HELLO = '{"action":"hello","frames":"changes"}';
  // Least interval, in milliseconds, of requests for the stats where there is no stream.
  const POLL_INTERVAL = 60_000;
  // Backoff, in milliseconds, between attempts to connect.
  const BACKOFF_MIN = 500;
  const BACKOFF_MAX = 30_000;
  // Delay, in milliseconds, of the notice that there is no connection: most last for less.
  const NOTICE_DELAY = 2_000;
  // Milliseconds after which a hidden page disconnects.
  const HIDDEN_TIMEOUT = 300_000;
  // Milliseconds by which frames may differ in lateness. A larger difference means that a clock was set.
  const JITTER_MAX = 5_000;
  // Close code of a server that has no place for this viewer (IANA, WebSocket close code numbers).
  const TRY_AGAIN_LATER = 1013;

  const MINUTE = 60;
  const HOUR = 3_600;
  const DAY = 86_400;
  const UNITS = [["day", DAY], ["hour", HOUR], ["minute", MINUTE], ["second", 1]];
  // What recency is called, by the least age. The same as `Recency::of` in the core; pages have `Recency::within`, which allows
  // for a precision, but the stats do not tell theirs.
  const RECENCIES = [["lost", 2 * DAY], ["late", DAY], ["today", HOUR], ["recent", 5 * MINUTE], ["now", 0]];

  const language = navigator.languages.find((it) => it.startsWith("en")) ?? "en";
  const formatTime = (date, dateStyle, timeStyle) =>
    new Intl.DateTimeFormat(language, { dateStyle, timeStyle }).format(date);

  // Formats an age: `3 minutes ago`. The same as `humanize::ago` in the core.
  const ago = (seconds) => {
    const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? [];
    if (!unit) return "just now";
    const count = Math.floor(seconds / length);
    return `${count.toLocaleString("en")} ${unit}${count === 1 ? "" : "s"} ago`;
  };

  // Returns the URL of a server, to which paths can be appended; `undefined` if it is none.
  const baseOf = (src) => {
    try {
      const url = new URL(src || ".", src ? document.baseURI : script);
      url.search = url.hash = "";
      if (!url.pathname.endsWith("/")) url.pathname += "/";
      return url.protocol.startsWith("http") ? url.href : undefined;
    } catch {
      return undefined;
    }
  };

  const ownBase = baseOf("");

  // Whether the stats change in steps: then all times in them are whole minutes.
  const isStepped = (stats) =>
    stats.last_seen !== null
    && [stats.last_seen, stats.last_seen_relative, stats.uptime, ...stats.devices.map((it) => it.last_beat)]
      .every((time) => time % MINUTE === 0);

  // Stats of one server, for all elements that show them. Without a base URL, there are none.
  class Source {
    base;
    elements = new Set();
    stats;
    isStepped;
    #timer;
    #socket;
    #hasFrames;
    #lastFrameAt;
    #lastHelloAt = 0;
    #attempts;
    #retryAt;
    #pollAt = 0;
    #isPolled;
    #updatedAt;
    #disconnectedAt;
    // Milliseconds by which the browser's clock is ahead of the stats.
    #offset;

    constructor(base) {
      this.base = base;
    }

    start() {
      if (this.#timer || !this.base) return;
      this.#timer = setInterval(() => this.#tick(), 1_000);
      this.wake();
    }

    stop() {
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#close();
    }

    // Reconnects at once if there is no connection, or if frames are overdue because the browser suspended the page.
    wake() {
      if (!this.#timer) return;
      if (Date.now() - this.#lastFrameAt > NEXT_FRAME.hello) this.#close();
      this.#attempts = this.#retryAt = 0;
      this.#tick();
    }

    // Present Unix time by the server's clock; of stats that change in steps, the last step.
    get now() {
      const { stats } = this;
      return this.isStepped ? stats.last_seen + stats.last_seen_relative : Math.floor((Date.now() - this.#offset) / 1_000);
    }

    // Says that there is no connection, if so.
    get awayNotice() {
      if (!(Date.now() - this.#disconnectedAt >= NOTICE_DELAY)) return "";
      return this.stats ? `not connected since ${formatTime(this.#updatedAt, undefined, "short")}` : "not connected";
    }

    // Says as of when the stats are, if they change in steps.
    get stepNotice() {
      if (!this.isStepped) return "";
      const isToday = Date.now() - this.now * 1_000 < DAY * 1_000;
      return `as of ${formatTime(this.now * 1_000, isToday ? undefined : "medium", "short")}`;
    }

    #tick() {
      const now = Date.now();
      const { hello, timeout } = this.#hasFrames ? NEXT_FRAME : FIRST_FRAME;
      if (!this.#socket) {
        if (now >= this.#retryAt) this.#connect();
      } else if (now - this.#lastFrameAt > timeout) {
        this.#socket.onclose({});
      } else if (now - Math.max(this.#lastFrameAt, this.#lastHelloAt) > hello) {
        this.#greet();
      }
      this.#show();
    }

    #connect() {
      const url = new URL((this.base === ownBase && ownStream) || `${this.base}api/stats/ws`);
      url.protocol = url.protocol.replace("http", "ws");
      url.search += `${url.search ? "&" : "?"}frames=changes`;
      this.#lastFrameAt = Date.now();
      this.#hasFrames = false;
      let socket;
      try {
        socket = new WebSocket(url);
      } catch {
        // The policy of the page forbids it.
        this.#disconnected(false);
        return;
      }
      this.#socket = socket;
      socket.onopen = () => this.#greet();
      socket.onmessage = ({ data }) => {
        // API Gateway may send error messages of its own, which are no frames.
        if (socket !== this.#socket || !this.#take(data)) return;
        this.#lastFrameAt = Date.now();
        this.#hasFrames = true;
        this.#isPolled = false;
      };
      socket.onclose = ({ code }) => {
        if (socket !== this.#socket) return;
        this.#close();
        this.#disconnected(this.#hasFrames && code !== TRY_AGAIN_LATER);
      };
    }

    #greet() {
      this.#lastHelloAt = Date.now();
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(HELLO);
    }

    #close() {
      const socket = this.#socket;
      this.#socket = undefined;
      socket?.close();
    }

    // Retries with backoff where there was a stream, or where nothing answers; otherwise when the next request for the stats
    // is due. Jitter keeps viewers that were disconnected at the same time from coming back at once.
    async #disconnected(wasStream) {
      this.#disconnectedAt ??= Date.now();
      this.#retryAt = Infinity;
      if (!wasStream && (await this.#poll())) {
        this.#disconnectedAt = undefined;
        this.#retryAt = this.#pollAt;
      } else {
        const backoff = Math.min(BACKOFF_MAX, BACKOFF_MIN * 2 ** this.#attempts);
        this.#attempts += 1;
        this.#retryAt = Date.now() + backoff * (0.5 + Math.random() / 2);
      }
    }

    // Requests the stats if that is due. Returns whether the last request was answered.
    async #poll() {
      if (Date.now() < this.#pollAt) return this.#isPolled;
      this.#pollAt = Date.now() + POLL_INTERVAL * (1 + Math.random() / 4);
      this.#isPolled = false;
      try {
        const signal = AbortSignal.timeout(FIRST_FRAME.timeout);
        const response = await fetch(`${this.base}api/stats`, { cache: "no-cache", credentials: "omit", signal });
        const json = await response.text();
        // The page may have become visible meanwhile: then the stream is newer.
        this.#isPolled = response.ok && (this.#hasFrames || this.#take(json));
      } catch {
        // As long as nothing answers, the elements say so.
      }
      return this.#isPolled;
    }

    // Shows stats; returns false if these are none.
    #take(json) {
      let stats;
      try {
        stats = JSON.parse(json);
      } catch {
        return false;
      }
      if (!Array.isArray(stats?.devices)) return false;
      const now = Date.now();
      // Times are rounded down to seconds, and frames take their time, so the least offset is the most exact.
      const offset = now - (stats.last_seen + stats.last_seen_relative) * 1_000;
      this.#offset = Math.abs(offset - this.#offset) < JITTER_MAX ? Math.min(offset, this.#offset) : offset;
      this.stats = stats;
      this.isStepped = isStepped(stats);
      this.#updatedAt = now;
      this.#attempts = 0;
      this.#disconnectedAt = undefined;
      this.#show();
      return true;
    }

    #show() {
      for (const element of this.elements) element.show(this);
    }
  }

  const sources = new Set();
  const each = (method) => sources.forEach((source) => source[method]());

  let hiddenTimer;
  const onVisibilityChange = () => {
    clearTimeout(hiddenTimer);
    if (document.hidden) {
      hiddenTimer = setTimeout(each, HIDDEN_TIMEOUT, "stop");
    } else {
      each("start");
      each("wake");
    }
  };
  document.addEventListener("visibilitychange", onVisibilityChange);
  onVisibilityChange();
  addEventListener("online", () => each("wake"));
  // With an open connection, browsers do not keep the page for going back to it.
  addEventListener("pagehide", () => each("stop"));
  addEventListener("pageshow", () => each("start"));

  const STYLE = `
    :host([hidden]), [hidden] { display: none; }
    [part=dot] {
      --size: var(--heartbeat-dot-size, 0.6em);
      display: inline-block;
      box-sizing: border-box;
      width: var(--size);
      height: var(--size);
      margin-inline-end: 0.4em;
      border: calc(var(--size) / 6) solid var(--heartbeat-dot-color, currentColor);
      border-radius: 50%;
    }
    :host([recency=now]) [part=dot] { border-width: calc(var(--size) / 2); }
    :host([away]) [part=dot] { border-style: dotted; }
  `;

  const create = (tag, part, ...children) => {
    const element = document.createElement(tag);
    if (part) element.setAttribute("part", part);
    element.append(...children);
    return element;
  };

  // Policies of pages forbid <style>, and older browsers know nothing else.
  const addStyle = (root) => {
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
    } catch {
      root.append(create("style", "", STYLE));
    }
  };

  // Sets the text only if it changes, so that the visitor's selection is kept.
  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  class HeartbeatStatus extends HTMLElement {
    static observedAttributes = ["device", "src"];

    #source;
    // Number of beats, to notice the next one.
    #beats;
    #slot = create("slot");
    #dot = create("span", "dot");
    #label = create("span", "label");
    #age = create("time", "age");
    #device = create("bdi", "device");
    #on = create("span", "", ", on ", this.#device);
    #status = create("span", "status", this.#label, this.#age, this.#on);
    #notice = create("span", "notice");

    constructor() {
      super();
      this.#status.lang = this.#notice.lang = "en";
      const root = this.attachShadow({ mode: "open" });
      addStyle(root);
      root.append(this.#slot, this.#dot, this.#status, this.#notice);
    }

    get device() { return this.getAttribute("device") ?? ""; }
    set device(idOrName) { this.setAttribute("device", idOrName); }

    get src() { return this.getAttribute("src") ?? ""; }
    set src(url) { this.setAttribute("src", url); }

    connectedCallback() {
      // Properties that were set before the script was there hide the accessors.
      for (const name of HeartbeatStatus.observedAttributes) {
        if (!this.hasOwnProperty(name)) continue;
        const value = this[name];
        delete this[name];
        this[name] = value;
      }
      this.#leave();
      this.#beats = undefined;
      const base = baseOf(this.src);
      this.#source = [...sources].find((it) => it.base === base) ?? new Source(base);
      sources.add(this.#source);
      this.#source.elements.add(this);
      this.#source.start();
      this.show(this.#source);
    }

    disconnectedCallback() {
      this.#leave();
    }

    attributeChangedCallback(_, before, after) {
      if (this.isConnected && before !== after) this.connectedCallback();
    }

    // Leaves the source, which ends without elements: later, since one that is moved comes back at once.
    #leave() {
      const source = this.#source;
      this.#source = undefined;
      source?.elements.delete(this);
      queueMicrotask(() => {
        if (!source || source.elements.size) return;
        source.stop();
        sources.delete(source);
      });
    }

    show(source) {
      const { stats, awayNotice, stepNotice } = source;
      this.toggleAttribute("away", awayNotice !== "");
      const notice = awayNotice || stepNotice;
      write(this.#notice, notice && ` (${notice})`);
      this.#dot.hidden = this.#status.hidden = !stats;
      this.#slot.hidden = !this.#dot.hidden;
      if (!stats) {
        this.removeAttribute("recency");
        return;
      }
      const { devices } = stats;
      const wanted = this.device;
      const device = devices.find(({ id }) => `${id}` === wanted) ?? devices.find(({ name }) => name === wanted);
      const lastBeat = (wanted ? device?.last_beat : stats.last_seen) ?? undefined;
      // Several devices may have the same last beat, as far as one can tell.
      const last = wanted ? [device] : devices.filter((it) => it.last_beat === lastBeat);
      write(this.#device, (last.length === 1 && last[0]?.name) || "");
      this.#on.hidden = lastBeat === undefined || !this.#device.textContent;
      if (lastBeat !== undefined) this.#showAge(lastBeat, source.now);
      else this.#showNever(wanted && !device ? "No such device" : "Not seen yet");
      this.#pulse(wanted ? device?.num_beats : stats.total_beats);
    }

    #showAge(lastBeat, now) {
      const age = Math.max(0, now - lastBeat);
      const date = new Date(lastBeat * 1_000);
      write(this.#label, "Last seen ");
      write(this.#age, ago(age));
      this.#age.hidden = false;
      if (this.#age.dateTime !== date.toISOString()) {
        this.#age.dateTime = date.toISOString();
        this.#age.title = formatTime(date, "long", "medium");
      }
      this.#reflect(RECENCIES.find(([, from]) => age >= from)[0]);
    }

    #showNever(why) {
      write(this.#label, why);
      this.#age.hidden = true;
      this.#reflect("never");
    }

    // Sets the attribute that style sheets tell the recency by.
    #reflect(recency) {
      if (this.getAttribute("recency") !== recency) this.setAttribute("recency", recency);
    }

    // Animates the arrival of a beat.
    #pulse(beats) {
      const hasArrived = beats > this.#beats;
      this.#beats = beats;
      if (!hasArrived || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
      this.#dot.animate({ transform: ["scale(1.6)", "none"] }, { duration: 700, easing: "ease-out" });
    }
  }

  customElements.define(NAME, HeartbeatStatus);
})(document.currentScript?.src, {{ stream }});
