// Progressive enhancement of the pages: live stats, times in the visitor's time zone, the badge builder.
// The server renders all of it as of the request; without this script, pages show that.

// Text is in the language of the page, in the regional variant that the visitor prefers.
const language = navigator.languages.find((it) => it.startsWith(document.documentElement.lang)) ?? "en";
const number = new Intl.NumberFormat("en");
const moment = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "medium" });

const MINUTE = 60, HOUR = 3_600, DAY = 86_400;
const UNITS = [["day", DAY], ["hour", HOUR], ["minute", MINUTE], ["second", 1]];

const UNNAMED = "A device without a name";

/** Number of devices that the page shows. The same as `MAX_DEVICES_SHOWN` in `functions/src/pages/home.rs`. */
const MAX_DEVICES_SHOWN = 100;

const $ = (selector, inside = document) => inside.querySelector(selector);
const $$ = (selector, inside = document) => inside.querySelectorAll(selector);

/** Sets the text only if it changes, so that the visitor's selection is kept. */
const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };

/** Splits a duration into its two largest units: `3 min 12 sec`. The same as `humanize::parts` in the core. */
function parts(seconds) {
  const largest = UNITS.findIndex(([, length]) => seconds >= length);
  let rest = Math.max(0, seconds);
  const counts = UNITS.slice(largest).slice(0, 2).map(([unit, length]) => {
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

/** Formats a number of things: `1 beat`. The same as `humanize::count` in the core. */
const counted = (count, singular) => `${number.format(count)} ${singular}${count === 1 ? "" : "s"}`;

/** Formats an age: `3 minutes ago`. The same as `humanize::ago` in the core. */
function ago(seconds) {
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? [];
  return unit ? `${counted(Math.floor(seconds / length), unit)} ago` : "just now";
}

/** Formats a share in percent. The same as `humanize::percent` in the core. */
const percent = (part, whole) => (Math.round((part * 1000) / Math.max(whole, 1)) / 10).toFixed(1);

/** What recency is called, from the least age on. The same as `Recency` in the core. */
const RECENCIES = [["now", 0], ["recent", 300], ["today", HOUR], ["late", DAY], ["lost", 2 * DAY]];

/** Steps in which stats that are not exact change, by the name of the precision: the length in seconds, and the recency of
    the least age that it can tell. The same as `Precision` and `Recency::within` in the core. */
const STEPS = {
  minute: [MINUTE, "now"],
  quarter: [15 * MINUTE, "recent"],
  hour: [HOUR, "recent"],
  day: [DAY, "today"],
  week: [7 * DAY, "today"],
};

/** Recency of an age, which is rounded up to steps if there are any. */
function recency(seconds, [length, finest] = [0, "now"]) {
  const index = RECENCIES.findLastIndex(([, from]) => seconds - length >= from);
  return RECENCIES[Math.max(index, RECENCIES.findIndex(([name]) => name === finest))][0];
}

/** Position of an age on the timeline, in percent. The same as `position` in `functions/src/pages/timeline.rs`. */
const position = (seconds) =>
  (100 * (1 - Math.log1p(Math.min(Math.max(seconds, 0), 604_800) / 30) / Math.log1p(604_800 / 30))).toFixed(2);

/** Name as it is shown at a dot. The same as `short` in `functions/src/pages/timeline.rs`. */
const short = (name) => ([...name].length > 24 ? `${[...name].slice(0, 23).join("")}…` : name);

/** Shows a point in time as the `<time>` in an element, as `format` writes it. */
function showTime(element, unixTime, format) {
  const time = new Date(unixTime * 1000);
  if (!$("time", element)) element.replaceChildren(document.createElement("time"));
  const child = $("time", element);
  if (child.dateTime !== time.toISOString()) child.dateTime = time.toISOString();
  write(child, format(time));
}

/** Makes the children of `parent` those of `devices`, in their order: the others go, and `create` makes the missing. */
function arrange(parent, devices, create) {
  const present = new Map([...parent.children].map((child) => [child.dataset.device, child]));
  const children = devices.map(({ id }) => {
    const child = present.get(String(id)) ?? create(id);
    child.dataset.device = id;
    return child;
  });
  const isSame = children.length === parent.children.length && children.every((it, at) => it === parent.children[at]);
  if (!isSame) parent.replaceChildren(...children);
  return children;
}

/** The stats on a page, as of the last frame of the stream, with durations that grow from there if the stats are exact. */
class StatsView {
  #main;
  #title = document.title;
  /** Steps in which the stats change, if they are not exact. */
  #steps;
  /** Unix time of the first setup of the server, rounded down to steps: what the uptime is counted from. */
  #startedAt;
  #iconStep;
  #stats;
  /** Times of the last beat and of the last frame, by the browser's clock. */
  #lastBeatAt;
  #frameAt;

  /** Begins with the stats that the page was rendered with, so that ages count up even if no frame ever arrives. */
  constructor(main) {
    this.#main = main;
    this.#steps = STEPS[main.dataset.precision];
    const stats = JSON.parse(main.dataset.stats);
    this.#startedAt = Number(main.dataset.asOf) - stats.uptime;
    this.update(stats);
  }

  /** Updates the page with the stats of a frame. */
  update(stats) {
    const now = Date.now();
    const previous = this.#stats;
    // A page names its number of devices, and holds only those that it shows.
    this.#stats = { num_devices: stats.devices.length, ...stats };
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

  /** Keeps the ages when the browser's clock was set back by some milliseconds. */
  shift(milliseconds) {
    this.#frameAt -= milliseconds;
    this.#lastBeatAt -= milliseconds;
  }

  /** Shows the stats as of now: durations grow between frames. */
  tick() {
    const stats = this.#stats;
    const elapsed = this.#steps ? 0 : Math.floor((Date.now() - this.#frameAt) / 1000);
    const age = this.#age();
    const durations = { longest_absence: Math.max(stats.longest_absence, age ?? 0), uptime: stats.uptime + elapsed };
    for (const element of $$("[data-number]", this.#main)) {
      write(element, number.format(stats[element.dataset.number]));
    }
    for (const element of $$("[data-duration]", this.#main)) {
      write(element, duration(durations[element.dataset.duration]));
    }
    this.#showRecency(age === null ? "never" : recency(age, this.#steps));
    if (this.#steps) showTime($(".steps", this.#main), this.#startedAt + stats.uptime, moment.format);
    if ($(".hero", this.#main)) this.#showBeats(age);
  }

  /** Age of the last beat in seconds; `null` before the first. */
  #age() {
    const { last_seen: lastSeen, last_seen_relative: age } = this.#stats;
    if (lastSeen === null || this.#steps) return age;
    return Math.max(0, Math.floor((Date.now() - this.#lastBeatAt) / 1000));
  }

  /** Colors the page by recency. In a tab the heart is red while the owner is here, then gray, and flat once lost. */
  #showRecency(step) {
    if (this.#iconStep === step) return;
    this.#iconStep = this.#main.dataset.recency = step;
    const name = { now: "icon", never: "icon", lost: "icon-lost" }[step] ?? "icon-away";
    $('link[rel=icon][type="image/svg+xml"]').href = `/assets/${name}.svg`;
  }

  #showBeats(age) {
    const { last_seen: lastSeen, devices } = this.#stats;
    $(".hero").hidden = age === null;
    $(".empty").hidden = age !== null;
    $(".first").hidden = devices.length > 0;
    if (devices.length > 0) $(".then").hidden = false;
    $(".devices").hidden = devices.length === 0;
    $(".devices .more").hidden = this.#stats.num_devices <= MAX_DEVICES_SHOWN;
    const title = age === null ? this.#title : `${recency(age, this.#steps) === "now" ? "Here now" : ago(age)} · ${this.#title}`;
    if (document.title !== title) document.title = title;
    if (age !== null) {
      this.#showVerdict(age);
      this.#showAge(age);
      showTime($(".moment"), lastSeen, moment.format);
      $(".trace .blip").setAttribute("x", `${position(age)}%`);
    }
    this.#showRows(age);
    this.#showDots(age);
  }

  /** Says in words what the recency means. */
  #showVerdict(age) {
    const { last_seen: lastSeen, devices } = this.#stats;
    const last = devices.filter((device) => device.last_beat === lastSeen);
    // Steps may not tell several devices apart.
    const name = this.#steps && last.length > 1 ? undefined : last[0]?.name;
    write($(".verdict"), recency(age, this.#steps) === "now" ? "Here now" : "Last heartbeat");
    $("#verdict .on").hidden = !name;
    write($("#verdict bdi"), name ?? "");
    $(".lost").hidden = recency(age, this.#steps) !== "lost";
  }

  #showAge(age) {
    const elements = $$(".age .part");
    const counts = age === 0 ? [["just", "now"]] : parts(age);
    $(".ago").hidden = age === 0;
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

  /** Age of the last beat of a device, given that of the last beat of all. */
  #ageOf(device, age) {
    return device.last_beat === null ? null : age + Math.max(0, this.#stats.last_seen - device.last_beat);
  }

  #shown() {
    return this.#stats.devices.slice(0, MAX_DEVICES_SHOWN);
  }

  #showRows(lastAge) {
    const { total_beats: total } = this.#stats;
    const devices = this.#shown();
    const rows = arrange($(".devices ul"), devices, (id) => {
      const row = $("li", $(".devices template").content).cloneNode(true);
      row.id = `device-${id}`;
      return row;
    });
    devices.forEach((device, index) => {
      const row = rows[index];
      const age = this.#ageOf(device, lastAge);
      const share = percent(device.num_beats, total);
      write($("bdi", row), device.name ?? UNNAMED);
      write($(".count", row), `${counted(device.num_beats, "beat")} · ${share}%`);
      $(".own", row).setAttribute("width", `${share}%`);
      row.dataset.recency = age === null ? "never" : recency(age, this.#steps);
      if (age === null) {
        write($(".seen", row), "never");
      } else {
        showTime($(".seen", row), device.last_beat, () => ago(age));
        $("time", row).title = moment.format(device.last_beat * 1000);
      }
    });
  }

  #showDots(lastAge) {
    const devices = this.#shown().filter((device) => device.last_beat !== null);
    const dots = arrange($(".trace .dots"), devices, (id) => {
      const dot = $("a", $(".devices template").content).cloneNode(true);
      dot.setAttribute("href", `#device-${id}`);
      return dot;
    });
    devices.forEach((device, index) => {
      const dot = dots[index];
      const age = this.#ageOf(device, lastAge);
      const name = device.name ?? UNNAMED;
      dot.setAttribute("aria-label", `${name}, ${ago(age)}`);
      dot.classList.toggle("last", device.last_beat === this.#stats.last_seen);
      $("svg", dot).setAttribute("x", `${position(age)}%`);
      write($("text", dot), short(name));
      $("text", dot).classList.toggle("end", position(age) > 50);
    });
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

/** Whether two frames show the same but for the time. */
const isSameButForTime = (a, b) =>
  a.last_seen === b.last_seen && a.total_beats === b.total_beats && a.num_visits === b.num_visits &&
  JSON.stringify(a.devices) === JSON.stringify(b.devices);

/** Viewer of the stream: reconnects as long as the page is open. It asks for frames at changes alone, of which there is
    one in half a minute at least: in the URL and, for AWS Lambda, in a hello. Older servers send one a second anyway. */
class Stream {
  /** Milliseconds without a frame after which a hello is sent, and after which the connection is closed: while frames are
      due each second, and until the first one of a connection, which comes at once. */
  static EACH_SECOND = { hello: 3_000, timeout: 9_000 };
  /** The same while frames are due in half a minute. */
  static AT_CHANGES = { hello: 35_000, timeout: 40_000 };
  /** Number of frames that come soon, one after the other, and show nothing new, from which on one is due each second. On
      AWS Lambda there may be one or two for other reasons: a hello is answered, and a pusher begins with a frame to all. */
  static REPEATS_MIN = 3;
  static HELLO = JSON.stringify({ action: "hello", frames: "changes" });
  /** Difference, in milliseconds, by which the two clocks of the browser drift apart at most, unless one was set or stood
      still while the machine slept. */
  static DRIFT_MAX = 2_000;
  /** Delay, in milliseconds, of the notice that there is no connection: most last for less. */
  static NOTICE_DELAY = 2_000;
  /** Backoff, in milliseconds, between attempts to connect. */
  static BACKOFF_MIN = 500;
  static BACKOFF_MAX = 30_000;

  #url;
  #view;
  #main;
  #socket;
  #attempts = 0;
  #retryTimer;
  #timeouts;
  /** The last frame of the connection. */
  #lastFrame;
  /** Number of frames up to it that came soon, and showed what the one before did. */
  #repeats = 0;
  #clockOffset = Date.now() - performance.now();
  #lastFrameAt = Date.now();
  #lastHelloAt = 0;
  #connectedAt = 0;
  #disconnectedAt;

  constructor(main) {
    this.#main = main;
    this.#url = new URL(main.dataset.stream, location.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    this.#url.search += `${this.#url.search ? "&" : "?"}frames=changes`;
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
    this.#timeouts = Stream.EACH_SECOND;
    this.#lastFrame = undefined;
    socket.onopen = () => socket.send(Stream.HELLO);
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      const stats = parseFrame(data);
      // API Gateway may send error messages of its own, which are no frames.
      if (!stats) return;
      this.#attempts = 0;
      this.#disconnectedAt = undefined;
      this.#adapt(stats);
      this.#lastFrameAt = Date.now();
      this.#view.update(stats);
      this.#main.dispatchEvent(new CustomEvent("frame", { detail: stats }));
      this.#notice("");
    };
    socket.onclose = () => { if (socket === this.#socket) this.#reconnectLater(); };
  }

  /** Learns from a frame when the next one is due: soon after some that came soon without a change, else in half a minute. */
  #adapt(stats) {
    const isSoon = Date.now() - this.#lastFrameAt < Stream.EACH_SECOND.timeout;
    const isRepeated = this.#lastFrame && isSoon && isSameButForTime(this.#lastFrame, stats);
    this.#repeats = isRepeated ? this.#repeats + 1 : 0;
    if (!this.#lastFrame) this.#timeouts = Stream.AT_CHANGES;
    else if (this.#repeats >= Stream.REPEATS_MIN) this.#timeouts = Stream.EACH_SECOND;
    this.#lastFrame = stats;
  }

  /** Retries with backoff and jitter, so that viewers that were disconnected at the same time do not reconnect at
      once. */
  #reconnectLater() {
    this.#socket = undefined;
    this.#disconnectedAt ??= Date.now();
    const backoff = Math.min(Stream.BACKOFF_MAX, Stream.BACKOFF_MIN * 2 ** this.#attempts);
    this.#attempts += 1;
    this.#retryTimer = setTimeout(() => this.#connect(), backoff * (0.5 + Math.random() / 2));
  }

  #wake() {
    this.#view.tick();
    if (document.visibilityState === "visible" && Math.abs(Date.now() - this.#lastFrameAt) > 2_000) {
      this.#attempts = 0;
      this.#connect();
    }
  }

  /** Asks for a new frame when the browser's clock was set, or the machine slept: ages may be wrong. */
  #checkClock() {
    const offset = Date.now() - performance.now();
    const drift = offset - this.#clockOffset;
    if (Math.abs(drift) < Stream.DRIFT_MAX) return;
    this.#clockOffset = offset;
    // Sleep only ever adds time.
    if (drift < 0) this.#view.shift(-drift);
    this.#wake();
  }

  #tick() {
    this.#checkClock();
    this.#view.tick();
    const now = Date.now();
    if (now - this.#disconnectedAt >= Stream.NOTICE_DELAY) {
      this.#notice(`Not connected since ${clock.format(this.#lastFrameAt)}. There may have been beats since.`);
    }
    if (!this.#socket) return;
    if (now - Math.max(this.#lastFrameAt, this.#connectedAt) > this.#timeouts.timeout) {
      this.#socket.close();
      this.#reconnectLater();
    } else if (this.#socket.readyState === WebSocket.OPEN && now - Math.max(this.#lastFrameAt, this.#lastHelloAt) > this.#timeouts.hello) {
      // On Lambda, a hello restarts the pusher if it has failed.
      this.#lastHelloAt = now;
      this.#socket.send(Stream.HELLO);
    }
  }

  /** Marks the stats as stale, and says why; not any more if there is nothing to say. */
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

/** Copies the text of a command, and says so to screen readers as well. */
async function copyCommand({ currentTarget: button }) {
  const status = button.nextElementSibling;
  const source = document.getElementById(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(source.textContent);
    write(status, "Copied");
  } catch {
    // Browsers deny the clipboard without HTTPS or permission; then the visitor copies the selection.
    getSelection().selectAllChildren(source);
    write(status, "Selected: copy it with the keyboard");
  }
  setTimeout(() => write(status, ""), 2_000);
}

for (const element of $$("time[data-local]")) write(element, day.format(Date.parse(element.dateTime)));
for (const button of $$("[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", copyCommand);
}
for (const main of $$("main[data-stream]")) new Stream(main);
for (const form of $$("form.builder")) new BadgeBuilder(form);
