// Redeems the pairing code that brought a phone here, when its owner says so.

const $ = (id) => document.getElementById(id);

const PROBLEMS = {
  404: "This code does not work: it is wrong, older than ten minutes, or was used already. " +
    "If it was used, and not by you, make a new one: that takes away what it gave.",
  other: "The server does not answer as it should. Try again: the code stays good until the phone first beats.",
};

/** Takes the code out of the address bar, where a history and a screenshot would keep it. */
function takeCode() {
  const code = location.hash.slice(1);
  if (code === "") return;
  history.replaceState(null, "", location.pathname);
  $("code").value = code;
  showCode();
}

function showCode() {
  for (const place of document.querySelectorAll("[data-code]")) place.textContent = $("code").value || "CODE";
}

function platform() {
  if (/Android/.test(navigator.userAgent)) return "android";
  // An iPad says that it is a Mac, but for its touch screen.
  const isIpad = /Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1;
  return isIpad || /iPhone|iPad|iPod/.test(navigator.userAgent) ? "ios" : "computer";
}

async function pair(event) {
  event.preventDefault();
  const button = event.submitter ?? $("pair").querySelector("button");
  button.disabled = true;
  $("pair-problem").textContent = "";
  try {
    const response = await fetch("/api/pair", { method: "POST", body: JSON.stringify({ code: $("code").value }) });
    if (response.ok) show(await response.json());
    else $("pair-problem").textContent = problem(response);
  } catch {
    $("pair-problem").textContent = PROBLEMS.other;
  }
  button.disabled = false;
}

function problem(response) {
  if (response.status !== 429) return PROBLEMS[response.status] ?? PROBLEMS.other;
  return `Too many codes were wrong. Try again in ${Number(response.headers.get("retry-after")) || 60} seconds.`;
}

function show({ name, token }) {
  $("pair").hidden = true;
  $("device").textContent = name ?? "A device without a name";
  $("token").textContent = token;
  for (const place of document.querySelectorAll("[data-token]")) place.textContent = token;
  $("paired").hidden = false;
  $("paired-title").focus();
}

$("by-hand").hidden = true;
$("pair").hidden = false;
$(platform()).open = true;
$("pair").addEventListener("submit", pair);
$("code").addEventListener("input", showCode);
addEventListener("hashchange", takeCode);
takeCode();
