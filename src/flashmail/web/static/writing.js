"use strict";
// The preview follows what is written and chosen; without this a button shows it.

const chosen = document.getElementById("previewed");
const frame = document.getElementById("preview");

function show() {
  const asked = new URLSearchParams(new FormData(chosen));
  frame.contentWindow.location.replace(`${chosen.action}?${asked}`);
}

let waiting;
function soon(event) {
  if (event.target.name === "width") return;
  clearTimeout(waiting);
  waiting = setTimeout(show, event.target.name === "reader" ? 800 : 50);
}

if (chosen && frame) {
  chosen.addEventListener("input", soon);
  document.body.addEventListener("brief-saved", show);
}
