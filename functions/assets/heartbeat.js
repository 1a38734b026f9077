// Brings the pages to life: figures as they change, times in the visitor's zone, the badge builder.
// Everything here has been written by the server as of the page's loading; without this file it stays so.

// Words are in the language of the page; of its kinds, the one that the visitor prefers.
const language = navigator.languages.find((it) => it.startsWith(document.documentElement.lang)) ?? "en";
const number = new Intl.NumberFormat("en");
const moment = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });

const MINUTE = 60, HOUR = 3_600, DAY = 86_400;

const $ = (selector, inside = document) => inside.querySelector(selector);
const $$ = (selector, inside = document) => inside.querySelectorAll(selector);

/** Writes text only where it changes, so that what a visitor has selected stays selected. */
const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };

/** `3 min 12 sec`, as a list of number and unit; the same as `words::parts` in the core. */
function parts(seconds) {
  const units = [["day", DAY], ["hour", HOUR], ["minute", MINUTE], ["second", 1]];
  const largest = units.findIndex(([, length]) => seconds >= length);
  const two = units.slice(largest).slice(0, 2);
  let rest = Math.max(0, seconds);
  const counted = two.map(([unit, length]) => {
    const count = Math.floor(rest / length);
    rest %= length;
    return [count, unit];
  });
  return counted.filter(([count], at) => at === 0 || count > 0).map(([count, unit]) => {
    const format = new Intl.NumberFormat("en", { style: "unit", unit, unitDisplay: "short" });
    const name = format.formatToParts(count).find(({ type }) => type === "unit").value;
    return [number.format(count), name];
  });
}

const duration = (seconds) => parts(seconds).flat().join(" ");

/** `3 minutes ago`; the same as `words::ago` in the core. */
function ago(seconds) {
  const YEAR = 31_557_600, MONTH = 2_629_800;
  for (const [unit, length, from] of [["year", YEAR, 2 * YEAR], ["month", MONTH, 2 * MONTH], ["day", DAY, DAY],
    ["hour", HOUR, HOUR], ["minute", MINUTE, MINUTE], ["second", 1, 1]]) {
    if (seconds >= from) return relative.format(-Math.floor(seconds / length), unit);
  }
  return "just now";
}

/** The same steps as `Recency` in the core. */
const recency = (seconds) =>
  seconds < 300 ? "now" : seconds < HOUR ? "recent" : seconds < DAY ? "today" : seconds < 2 * DAY ? "late" : "lost";

/** The place on the line of what was `seconds` ago; the same as `place` in `functions/src/trace.rs`. */
const place = (seconds) =>
  `${(100 * (1 - Math.log1p(Math.min(Math.max(seconds, 0), 604_800) / 30) / Math.log1p(604_800 / 30))).toFixed(2)}%`;

function showMoment(element, unixTime) {
  const time = new Date(unixTime * 1000);
  const text = time.toISOString();
  if (element.dateTime !== text) element.dateTime = text;
  write(element, moment.format(time));
}

/** The figures of a page, as of the last frame of the stream. */
class Figures {
  #main;
  #stats;
  /** The browser's time of the last beat, and of the frame. */
  #lastBeat;
  #framedAt;

  constructor(main) {
    this.#main = main;
  }

  /** Takes a frame. */
  take(stats) {
    const now = Date.now();
    const before = this.#stats;
    this.#stats = stats;
    this.#framedAt = now;
    if (stats.last_seen !== null) {
      // The frame has whole seconds, rounded down: of all that tell of the same beat, the one that says the
      // earliest time is the closest. A browser's clock that was set is told by a jump.
      const heard = now - stats.last_seen_relative * 1000;
      const same = before?.last_seen === stats.last_seen && Math.abs(heard - this.#lastBeat) < 2000;
      this.#lastBeat = same ? Math.min(this.#lastBeat, heard) : heard;
    }
    this.tick();
    if (before && stats.total_beats > before.total_beats) this.#pulse();
  }

  /** Shows the figures as of now. */
  tick() {
    if (!this.#stats) return;
    const stats = this.#stats;
    const passed = Math.floor((Date.now() - this.#framedAt) / 1000);
    const age = stats.last_seen === null ? null : Math.max(0, Math.floor((Date.now() - this.#lastBeat) / 1000));
    const spans = { longest_absence: Math.max(stats.longest_absence, age ?? 0), uptime: stats.uptime + passed };
    for (const element of $$("[data-number]", this.#main)) {
      const value = stats[element.dataset.number];
      write(element, number.format(value.length ?? value));
    }
    for (const element of $$("[data-duration]", this.#main)) {
      write(element, duration(spans[element.dataset.duration]));
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
      $(".trace .blip").setAttribute("x", place(age));
    }
    for (const device of devices) {
      this.#showDevice(device, total, device.last_beat === null ? null : age + lastSeen - device.last_beat);
    }
  }

  #showAge(age) {
    const shown = $$(".age .part");
    const wanted = parts(age);
    if (shown.length === wanted.length) {
      wanted.forEach(([count, unit], at) => {
        write(shown[at].firstChild, count);
        if (shown[at].lastChild.data !== ` ${unit}`) shown[at].lastChild.data = ` ${unit}`;
      });
      return;
    }
    const made = wanted.map(([count, unit]) => {
      const part = document.createElement("span");
      part.className = "part";
      const big = document.createElement("b");
      big.textContent = count;
      part.append(big, ` ${unit}`);
      return part;
    });
    $(".age .parts").replaceChildren(...made.flatMap((part, at) => (at > 0 ? [" ", part] : [part])));
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
    dot.setAttribute("cx", place(age));
    dot.classList.toggle("last", lastBeat === this.#stats.last_seen);
  }

  /** Marks a beat that has just arrived. */
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

/** The statistics in a frame; nothing if it holds something else. */
function statistics(frame) {
  try {
    const stats = JSON.parse(frame);
    return Array.isArray(stats?.devices) ? stats : undefined;
  } catch {
    return undefined;
  }
}

/** The stream: connected as long as the page is there. */
class Stream {
  /** After so many silent milliseconds the other side is asked for a frame, or given up. */
  static ASK = 3_000;
  static GIVE_UP = 9_000;
  /** The longest wait before the next attempt to connect. */
  static LONGEST_WAIT = 30_000;

  #url;
  #figures;
  #main;
  #socket;
  #attempts = 0;
  #retry;
  #heard = Date.now();
  #asked = 0;
  #began = 0;

  constructor(main) {
    this.#main = main;
    this.#url = new URL(main.dataset.stream, location.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    this.#figures = new Figures(main);
    this.#connect();
    setInterval(() => this.#tick(), 250);
    // Browsers put hidden pages to sleep; one that is seen again must not show what was.
    document.addEventListener("visibilitychange", () => this.#wake());
    addEventListener("pageshow", (event) => { if (event.persisted) this.#wake(); });
    addEventListener("online", () => this.#wake());
  }

  #connect() {
    clearTimeout(this.#retry);
    const socket = new WebSocket(this.#url);
    this.#socket?.close();
    this.#socket = socket;
    this.#began = this.#asked = Date.now();
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      const stats = statistics(data);
      // What comes from the cloud may be a complaint of the cloud's own, and counts as silence.
      if (!stats) return;
      this.#attempts = 0;
      this.#heard = Date.now();
      this.#figures.take(stats);
      this.#notice("");
    };
    socket.onclose = () => { if (socket === this.#socket) this.#lost(); };
  }

  /** Says that what is shown is old, and tries again after a while: longer each time, and not at the same
      time as everybody else who was disconnected. */
  #lost() {
    this.#socket = undefined;
    this.#notice(`Not connected since ${clock.format(this.#heard)}. There may have been beats since.`);
    const longest = Math.min(Stream.LONGEST_WAIT, 500 * 2 ** this.#attempts);
    this.#attempts += 1;
    this.#retry = setTimeout(() => this.#connect(), longest * (0.5 + Math.random() / 2));
  }

  #wake() {
    if (document.visibilityState === "visible" && Date.now() - this.#heard > 2_000) {
      this.#attempts = 0;
      this.#connect();
    }
  }

  #tick() {
    this.#figures.tick();
    const now = Date.now();
    if (!this.#socket) return;
    if (now - Math.max(this.#heard, this.#began) > Stream.GIVE_UP) {
      this.#socket.close();
      this.#lost();
    } else if (this.#socket.readyState === WebSocket.OPEN && now - this.#heard > Stream.ASK && now - this.#asked > Stream.ASK) {
      // Where the stream comes from the cloud, this starts it anew if it has died.
      this.#asked = now;
      this.#socket.send("hello");
    }
  }

  #notice(text) {
    this.#main.classList.toggle("stale", text !== "");
    write($(".notice", this.#main), text);
  }
}

/** The badge builder: what the server does with the form, at each change. */
class Builder {
  #form;

  constructor(form) {
    this.#form = form;
    $(".without-script", form).hidden = true;
    let waiting;
    for (const kind of ["input", "change"]) {
      form.addEventListener(kind, () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => this.#show(), 200);
      });
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const button of $$("[data-copy]")) {
      const name = button.textContent;
      button.hidden = false;
      button.addEventListener("click", async () => {
        const source = document.getElementById(button.dataset.copy);
        try {
          await navigator.clipboard.writeText(source.value);
          write(button, "Copied");
        } catch {
          // Where the page is not trusted with the clipboard, the visitor is.
          source.select();
          write(button, "Selected: copy it with the keyboard");
        }
        setTimeout(() => write(button, name), 2_000);
      });
    }
  }

  #show() {
    const { badge, format, ...rest } = Object.fromEntries(new FormData(this.#form));
    const query = new URLSearchParams(Object.entries(rest).filter(([, value]) => value !== "")).toString();
    const path = `/badge/${badge}${format}${query ? "?" : ""}${query}`;
    const live = this.#form.dataset.live;
    const text = rest.label || $("select[name=badge]").selectedOptions[0].textContent;
    const image = $(".preview img");
    image.src = path;
    image.alt = text;
    const escaped = (it) => it.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
    $("#markdown").value = `[![${text.replace(/[\\[\]]/g, "\\$&")}](${live}${path})](${live}/)`;
    $("#html").value = `<a href="${escaped(`${live}/`)}"><img src="${escaped(live + path)}" alt="${escaped(text)}"></a>`;
    $("#url").value = live + path;
  }
}

for (const element of $$("time[data-local], time[data-time]")) {
  if (element.dateTime) showMoment(element, Date.parse(element.dateTime) / 1000);
}
for (const main of $$("main[data-stream]")) new Stream(main);
for (const form of $$("form.builder")) new Builder(form);
