// Today on the page `/`, live: its last time in use grows as beats arrive. The server renders all of it as of the request.

const MINUTE = 60;

/** Minutes between which nothing is drawn. The same as `JOINED_MINUTES` in `core/src/presence/spans.rs`. */
const JOINED_MINUTES = 5;

/** Seconds between two frames after which beats may have been missed: more than the half minute in which one is due. */
const GAP = 90;

/** Delays, in milliseconds, after which the days are asked for again: the server knows of a beat within a second, and not all
    viewers should ask at once. */
const RENEWAL_DELAY = 1_500, RENEWAL_JITTER = 4_000;

/** Backoff, in milliseconds, after renewals that failed: each loads the whole page. */
const BACKOFF_MIN = 60_000, BACKOFF_MAX = 3_600_000;

const plural = (count, unit) => `${count} ${unit}${count === 1 ? "" : "s"}`;

/** Formats a time in use for those who read it and those who hear it. The same as `functions/src/pages/history/words.rs`. */
function words(minutes, [hour, minute], count) {
  const parts = [[Math.floor(minutes / 60), hour], [minutes % 60, minute]].filter(([number]) => number > 0);
  return parts.map(([number, unit]) => count(number, unit)).join(" ");
}
const short = (minutes) => words(minutes, ["hr", "min"], (number, unit) => `${number} ${unit}`);
const long = (minutes) => words(minutes, ["hour", "minute"], plural);
const clock = (minute) => `${Math.floor(minute / 60)}:${String(minute % 60).padStart(2, "0")}`;

/** Last box of a path: its start and its width in minutes of the day. */
const LAST_BOX = /M(\d+) 0h(\d+)v1h-\d+z$/;
const box = (start, end) => `M${start} 0h${end - start}v1h${start - end}z`;

/** Makes the last box of a path end at `end`. */
function extend(path, end) {
  const d = path.getAttribute("d");
  const [, start] = d.match(LAST_BOX) ?? [];
  if (start !== undefined) path.setAttribute("d", d.replace(LAST_BOX, box(Number(start), end)));
}

class Days {
  #section = document.getElementById("days");
  /** What the server said of today, and what beats have changed since; nothing where they change nothing. */
  #today;
  /** The last frame, and its time by the server's clock. */
  #last;
  #frameAt;
  /** Whether the days have to be renewed. Until they have been, beats change nothing in them. */
  #isDue = false;
  #isRenewing = false;
  /** Number of renewals that failed, one after the other, and when the next one may begin. */
  #failures = 0;
  #retryAt = 0;

  constructor(main) {
    this.#read();
    main.addEventListener("frame", ({ detail }) => this.#update(detail));
  }

  /** Takes what the server says of today. */
  #read() {
    const { asOf, endsAt, lastMinute, minuteOfDay, minutes } = this.#section.dataset;
    this.#today = asOf && {
      asOf: Number(asOf),
      endsAt: Number(endsAt),
      last: Number(lastMinute),
      minuteOfDay: Number(minuteOfDay),
      minutes: Number(minutes),
    };
    this.#frameAt = this.#today?.asOf;
  }

  #update(stats) {
    if (stats.last_seen === null) return;
    const previous = this.#last;
    this.#last = stats;
    const now = stats.last_seen + stats.last_seen_relative;
    if (this.#today) {
      const hasGap = now - this.#frameAt > GAP;
      this.#frameAt = now;
      if (hasGap || now >= this.#today.endsAt) this.#isDue = true;
    } else {
      // Nothing is known of the times between boundaries; or there was no beat yet.
      const isNew = previous && previous.total_beats !== stats.total_beats;
      if (isNew || this.#section.hidden) this.#isDue = true;
    }
    if (this.#isDue) this.#renew();
    else if (this.#today) this.#grow(stats.last_seen, now);
  }

  /** Minute that clocks on the wall show. */
  #minuteOfDay(unixTime) {
    const { asOf, minuteOfDay } = this.#today;
    return minuteOfDay + Math.floor(unixTime / MINUTE) - Math.floor(asOf / MINUTE);
  }

  #grow(lastSeen, now) {
    const row = this.#section.querySelector(".today");
    if (!row) return;
    const track = row.querySelector("path.track");
    if (track) extend(track, this.#minuteOfDay(now) + 1);
    const minute = Math.floor(lastSeen / MINUTE);
    const minuteOfDay = this.#minuteOfDay(lastSeen);
    if (minute <= this.#today.last || minuteOfDay < 0) return;
    this.#today.minutes += 1;
    const used = row.querySelector("path.used");
    if (used) {
      const isJoined = minute - this.#today.last <= JOINED_MINUTES && LAST_BOX.test(used.getAttribute("d"));
      if (isJoined) extend(used, minuteOfDay + 1);
      else used.setAttribute("d", used.getAttribute("d") + box(minuteOfDay, minuteOfDay + 1));
    }
    this.#today.last = minute;
    this.#say(row, used);
  }

  /** Writes how long today was in use. */
  #say(row, used) {
    const { minutes, last, asOf } = this.#today;
    const sum = row.querySelector(".sum");
    sum.textContent = short(minutes);
    sum.classList.add("used");
    const first = used?.getAttribute("d").match(/^M(\d+)/)?.[1];
    const times = first === undefined ? "" : `, first ${clock(Number(first))}, last ${clock(this.#minuteOfDay(last * MINUTE))}`;
    row.querySelector("td .heard").textContent = long(minutes) + times;
  }

  /**
   * Asks for the days again. If that fails, a later frame has it tried again, after a backoff. Where the page comes without,
   * they may not be shown any more, or could not be read: they go until it has them again.
   */
  async #renew() {
    if (this.#isRenewing || performance.now() < this.#retryAt) return;
    this.#isRenewing = true;
    await new Promise((resolve) => { setTimeout(resolve, RENEWAL_DELAY + Math.random() * RENEWAL_JITTER); });
    try {
      const response = await fetch(location.href, { headers: { "X-Requested-With": "fetch" } });
      if (!response.ok) throw new Error(response.statusText);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById("days");
      if (!fresh) {
        this.#section.replaceChildren();
        this.#section.hidden = true;
        throw new Error("no days");
      }
      this.#section.replaceWith(fresh);
      this.#section = fresh;
      this.#read();
      this.#isDue = false;
      this.#failures = 0;
    } catch {
      this.#retryAt = performance.now() + Math.min(BACKOFF_MAX, BACKOFF_MIN * 2 ** this.#failures);
      this.#failures += 1;
    }
    this.#isRenewing = false;
  }
}

if (document.getElementById("days")) for (const main of document.querySelectorAll("main[data-stream]")) new Days(main);
