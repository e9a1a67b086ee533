"use strict";
// Comfort only: every page works without it.

// Moments are written in UTC; who reads them lives somewhere.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const language = document.documentElement.lang || "en";
const moment = new Intl.DateTimeFormat(language, {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
  hourCycle: "h23",
});

// The zone in words, as it is called at that moment: "Central European Summer Time".
function called(at) {
  const parts = new Intl.DateTimeFormat(language, { timeZoneName: "long" }).formatToParts(at);
  return parts.find((each) => each.type === "timeZoneName")?.value || zone;
}

function localise(root) {
  for (const each of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(each.dateTime);
    if (isNaN(at) || each.dateTime.length < 11) continue;
    const local = moment.format(at), name = called(at);
    each.title = `${local}, ${name}; that is ${each.textContent.trim()}`;
    each.textContent = "zoned" in each.dataset ? `${local} ${name}` : local;
    each.dataset.local = zone;
  }
  for (const each of root.querySelectorAll("input[data-zone]")) each.value ||= zone;
}

// A countdown to a moment: <span data-until="ISO">. At its end it says data-over.
function count() {
  for (const each of document.querySelectorAll("[data-until]")) {
    const left = Math.ceil((new Date(each.dataset.until) - Date.now()) / 1000);
    each.textContent = left > 0 ? `${left} s` : each.dataset.over || "now";
  }
}

// "/" leads to the search field, as in many places.
function jump(event) {
  const field = document.querySelector("[data-search]");
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || !field || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  field.focus();
  field.select();
}

document.addEventListener("DOMContentLoaded", () => {
  localise(document);
  count();
  if (document.querySelector("[data-until]")) setInterval(count, 250);
});
document.addEventListener("htmx:load", (event) => localise(event.target));
document.addEventListener("keydown", jump);
