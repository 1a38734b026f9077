// Progressive enhancement of the pages: live stats, times in the visitor's time zone, the badge builder.
// The server renders all of it as of the request; without this script, pages show that.

// Text is in the language of the page, in the regional variant that the visitor prefers.
const language = navigator.languages.find((it) => it.startsWith(document.documentElement.lang)) ?? "en";
const number = new Intl.NumberFormat("en");
const moment = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });

const MINUTE = 60, HOUR = 3_600, DAY = 86_400;

const $ = (selector, inside = document) => inside.querySelector(selector);
const $$ = (selector, inside = document) => inside.querySelectorAll(selector);

/** Sets the text only if it changes, so that the visitor's selection is kept. */
const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };

/** Splits a duration into its two largest units: `3 min 12 sec`. The same as `humanize::parts` in the core. */
function parts(seconds) {
  const units = [["day", DAY], ["hour", HOUR], ["minute", MINUTE], ["second", 1]];
  const largest = units.findIndex(([, length]) => seconds >= length);
  let rest = Math.max(0, seconds);
  const counts = units.slice(largest).slice(0, 2).map(([unit, length]) => {
    const count = Math.floor(rest / length);
    rest %= length;
    return [count, unit];
  });
  return counts.filter(([count], index) => index === 0 || count > 0).map(([count, unit]) => {
    const format = new Intl.NumberFormat("en", { style: "unit", unit, unitDisplay: "short" });
    const name = format.formatToParts(count).find(({ type }) => type === "unit").value;
    return [number.format(count), name];
  });
}

const duration = (seconds) => parts(seconds).flat().join(" ");

/** Formats an age: `3 minutes ago`. The same as `humanize::ago` in the core. */
function ago(seconds) {
  const YEAR = 31_557_600, MONTH = 2_629_800;
  for (const [unit, length, minimum] of [["year", YEAR, 2 * YEAR], ["month", MONTH, 2 * MONTH], ["day", DAY, DAY],
    ["hour", HOUR, HOUR], ["minute", MINUTE, MINUTE], ["second", 1, 1]]) {
    if (seconds >= minimum) return relative.format(-Math.floor(seconds / length), unit);
  }
  return "just now";
}

/** Recency of an age. The same as `Recency` in the core. */
const recency = (seconds) =>
  seconds < 300 ? "now" : seconds < HOUR ? "recent" : seconds < DAY ? "today" : seconds < 2 * DAY ? "late" : "lost";

/** Position of an age on the timeline. The same as `position` in `functions/src/pages/timeline.rs`. */
const position = (seconds) =>
  `${(100 * (1 - Math.log1p(Math.min(Math.max(seconds, 0), 604_800) / 30) / Math.log1p(604_800 / 30))).toFixed(2)}%`;

function showMoment(element, unixTime) {
  const time = new Date(unixTime * 1000);
  const text = time.toISOString();
  if (element.dateTime !== text) element.dateTime = text;
  write(element, moment.format(time));
}

/** The stats on a page, as of the last frame of the stream. */
class StatsView {
  #main;
  #stats;
  /** Times of the last beat and of the last frame, by the browser's clock. */
  #lastBeatAt;
  #frameAt;

  constructor(main) {
    this.#main = main;
  }

  /** Updates the page with the stats of a frame. */
  update(stats) {
    const now = Date.now();
    const previous = this.#stats;
    this.#stats = stats;
    this.#frameAt = now;
    if (stats.last_seen !== null) {
      // Ages are rounded down to seconds, so the earliest of the times computed for one beat is the most exact.
      // A jump means that the browser's clock was set.
      const beatAt = now - stats.last_seen_relative * 1000;
      const isSame = previous?.last_seen === stats.last_seen && Math.abs(beatAt - this.#lastBeatAt) < 2000;
      this.#lastBeatAt = isSame ? Math.min(this.#lastBeatAt, beatAt) : beatAt;
    }
    this.tick();
    if (previous && stats.total_beats > previous.total_beats) this.#pulse();
  }

  /** Shows the stats as of now: durations grow between frames. */
  tick() {
    if (!this.#stats) return;
    const stats = this.#stats;
    const elapsed = Math.floor((Date.now() - this.#frameAt) / 1000);
    const age = stats.last_seen === null ? null : Math.max(0, Math.floor((Date.now() - this.#lastBeatAt) / 1000));
    const durations = { longest_absence: Math.max(stats.longest_absence, age ?? 0), uptime: stats.uptime + elapsed };
    for (const element of $$("[data-number]", this.#main)) {
      const value = stats[element.dataset.number];
      write(element, number.format(value.length ?? value));
    }
    for (const element of $$("[data-duration]", this.#main)) {
      write(element, duration(durations[element.dataset.duration]));
    }
    if ($(".hero", this.#main)) this.#showBeats(age);
  }

  #showBeats(age) {
    const { last_seen: lastSeen, devices, total_beats: total } = this.#stats;
    $(".hero").hidden = age === null;
    $(".empty").hidden = age !== null;
    $(".first").hidden = devices.length > 0;
    $(".devices").hidden = devices.length === 0;
    if (age !== null) {
      this.#main.dataset.recency = recency(age);
      this.#showAge(age);
      showMoment($("[data-time]"), lastSeen);
      $(".trace .blip").setAttribute("x", position(age));
    }
    for (const device of devices) {
      this.#showDevice(device, total, device.last_beat === null ? null : age + lastSeen - device.last_beat);
    }
  }

  #showAge(age) {
    const elements = $$(".age .part");
    const counts = parts(age);
    if (elements.length === counts.length) {
      counts.forEach(([count, unit], index) => {
        write(elements[index].firstChild, count);
        const unitText = elements[index].lastChild;
        if (unitText.data !== ` ${unit}`) unitText.data = ` ${unit}`;
      });
      return;
    }
    const created = counts.map(([count, unit]) => {
      const part = document.createElement("span");
      part.className = "part";
      const countElement = document.createElement("b");
      countElement.textContent = count;
      part.append(countElement, ` ${unit}`);
      return part;
    });
    $(".age .parts").replaceChildren(...created.flatMap((part, index) => (index > 0 ? [" ", part] : [part])));
  }

  #showDevice({ id, name, last_beat: lastBeat, num_beats: beats }, total, age) {
    let row = $(`li[data-device="${id}"]`);
    if (!row) {
      row = $(".devices template").content.firstElementChild.cloneNode(true);
      row.dataset.device = id;
      $("bdi", row).textContent = name ?? "A device without a name";
      $(".devices ul").append(row);
    }
    const share = ((beats * 100) / Math.max(total, 1)).toFixed(1);
    write($(".count", row), `${number.format(beats)} ${beats === 1 ? "beat" : "beats"} · ${share}%`);
    $(".own", row).setAttribute("width", `${share}%`);
    if (age === null) return;
    const seen = $(".seen", row);
    write(seen, ago(age));
    const time = new Date(lastBeat * 1000);
    seen.dateTime = time.toISOString();
    seen.title = moment.format(time);
    let dot = $(`circle[data-device="${id}"]`);
    if (!dot) {
      dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
      dot.dataset.device = id;
      dot.setAttribute("cy", "3em");
      dot.setAttribute("r", ".32em");
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = name ?? "";
      dot.append(title);
      $(".trace .dots").append(dot);
    }
    dot.setAttribute("cx", position(age));
    dot.classList.toggle("last", lastBeat === this.#stats.last_seen);
  }

  /** Animates the arrival of a beat. */
  #pulse() {
    const blip = $(".trace .blip", this.#main);
    if (!blip || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const path = $("path", blip);
    const length = path.getTotalLength();
    path.animate(
      [{ strokeDasharray: length, strokeDashoffset: length }, { strokeDasharray: length, strokeDashoffset: 0 }],
      { duration: 700, easing: "ease-out" },
    );
    $(".ring", blip).animate([{ transform: "scale(1)", opacity: 0.5 }, { transform: "scale(5)", opacity: 0 }], {
      duration: 900,
      easing: "ease-out",
    });
  }
}

/** Parses a frame; returns undefined if it holds no stats. */
function parseFrame(frame) {
  try {
    const stats = JSON.parse(frame);
    return Array.isArray(stats?.devices) ? stats : undefined;
  } catch {
    return undefined;
  }
}

/** Viewer of the stream: reconnects as long as the page is open. */
class Stream {
  /** Interval, in milliseconds, of hellos while no frames arrive. */
  static HELLO_INTERVAL = 3_000;
  /** Timeout, in milliseconds, after which a connection without frames is closed. */
  static FRAME_TIMEOUT = 9_000;
  /** Backoff, in milliseconds, between attempts to connect. */
  static BACKOFF_MIN = 500;
  static BACKOFF_MAX = 30_000;

  #url;
  #view;
  #main;
  #socket;
  #attempts = 0;
  #retryTimer;
  #lastFrameAt = Date.now();
  #lastHelloAt = 0;
  #connectedAt = 0;

  constructor(main) {
    this.#main = main;
    this.#url = new URL(main.dataset.stream, location.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    this.#view = new StatsView(main);
    this.#connect();
    setInterval(() => this.#tick(), 250);
    // Browsers suspend hidden pages; one that becomes visible again must not show stale stats.
    document.addEventListener("visibilitychange", () => this.#wake());
    addEventListener("pageshow", (event) => { if (event.persisted) this.#wake(); });
    addEventListener("online", () => this.#wake());
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    const socket = new WebSocket(this.#url);
    this.#socket?.close();
    this.#socket = socket;
    this.#connectedAt = this.#lastHelloAt = Date.now();
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      const stats = parseFrame(data);
      // API Gateway may send error messages of its own, which are no frames.
      if (!stats) return;
      this.#attempts = 0;
      this.#lastFrameAt = Date.now();
      this.#view.update(stats);
      this.#notice("");
    };
    socket.onclose = () => { if (socket === this.#socket) this.#reconnectLater(); };
  }

  /** Marks the stats as stale, and retries with backoff and jitter, so that viewers that were disconnected at the
      same time do not reconnect at once. */
  #reconnectLater() {
    this.#socket = undefined;
    this.#notice(`Not connected since ${clock.format(this.#lastFrameAt)}. There may have been beats since.`);
    const backoff = Math.min(Stream.BACKOFF_MAX, Stream.BACKOFF_MIN * 2 ** this.#attempts);
    this.#attempts += 1;
    this.#retryTimer = setTimeout(() => this.#connect(), backoff * (0.5 + Math.random() / 2));
  }

  #wake() {
    if (document.visibilityState === "visible" && Date.now() - this.#lastFrameAt > 2_000) {
      this.#attempts = 0;
      this.#connect();
    }
  }

  #tick() {
    this.#view.tick();
    const now = Date.now();
    if (!this.#socket) return;
    if (now - Math.max(this.#lastFrameAt, this.#connectedAt) > Stream.FRAME_TIMEOUT) {
      this.#socket.close();
      this.#reconnectLater();
    } else if (this.#socket.readyState === WebSocket.OPEN && now - Math.max(this.#lastFrameAt, this.#lastHelloAt) > Stream.HELLO_INTERVAL) {
      // On Lambda, a hello restarts the pusher if it has failed.
      this.#lastHelloAt = now;
      this.#socket.send("hello");
    }
  }

  #notice(text) {
    this.#main.classList.toggle("stale", text !== "");
    write($(".notice", this.#main), text);
  }
}

/** Badge builder: submits the form in the background at each change, and takes over what the server makes of it.
    The URL of the page follows, so that going back, reloading and sharing it keep the badge. */
class BadgeBuilder {
  /** Delay, in milliseconds, from the last key to the update. */
  static TYPING_DELAY = 200;

  #form;
  #request;
  /** Settles when the snippets are up to date. */
  #updated = Promise.resolve();

  constructor(form) {
    this.#form = form;
    $(".without-script", form).hidden = true;
    let typingTimer;
    const update = () => {
      clearTimeout(typingTimer);
      this.#updated = this.#update();
    };
    form.addEventListener("input", () => {
      clearTimeout(typingTimer);
      typingTimer = setTimeout(update, BadgeBuilder.TYPING_DELAY);
    });
    form.addEventListener("change", update);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      update();
    });
    for (const button of $$("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", () => this.#copy(document.getElementById(button.dataset.copy)));
    }
  }

  async #update() {
    const fields = [...new FormData(this.#form)].filter(([, value]) => value !== "");
    const url = `${this.#form.getAttribute("action")}?${new URLSearchParams(fields)}`;
    this.#request?.abort();
    const { signal } = (this.#request = new AbortController());
    try {
      history.replaceState(null, "", url);
      const response = await fetch(url, { headers: { "X-Requested-With": "fetch" }, signal });
      if (!response.ok) throw new Error(response.statusText);
      this.#show(new DOMParser().parseFromString(await response.text(), "text/html"));
      write($("#update-notice"), "");
    } catch {
      if (!signal.aborted) write($("#update-notice"), "Not up to date: the server does not answer.");
    }
  }

  /** Takes over the parts of a page that depend on the form. The fields themselves stay, and so does the focus. */
  #show(page) {
    for (const fresh of $$("[data-part]", page)) {
      const part = document.getElementById(fresh.id);
      part.hidden = fresh.hidden;
      if (part.matches("textarea")) part.value = fresh.value;
      else if (part.matches("input")) part.ariaInvalid = fresh.ariaInvalid;
      else if (part.matches("output, .preview") && part.innerHTML !== fresh.innerHTML) part.replaceChildren(...fresh.childNodes);
    }
  }

  async #copy(snippet) {
    await this.#updated;
    const status = document.getElementById(`${snippet.id}-copied`);
    try {
      await navigator.clipboard.writeText(snippet.value);
      write(status, "Copied");
    } catch {
      // Browsers deny the clipboard without HTTPS or permission; then the visitor copies the selection.
      snippet.select();
      write(status, "Selected: copy it with the keyboard");
    }
    setTimeout(() => write(status, ""), 2_000);
  }
}

for (const element of $$("time[data-local], time[data-time]")) {
  if (element.dateTime) showMoment(element, Date.parse(element.dateTime) / 1000);
}
for (const main of $$("main[data-stream]")) new Stream(main);
for (const form of $$("form.builder")) new BadgeBuilder(form);
