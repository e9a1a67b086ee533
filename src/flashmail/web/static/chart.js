"use strict";
// Draws <div data-chart="URL">; the table beside it says the same.

const INK = ["--pico-primary", "--good", "--warn", "--accent", "--pico-muted-color"];
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [1, 2]];

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// The hour, and the day where another one begins.
function hours(_, ticks) {
  const pad = (n) => String(n).padStart(2, "0");
  let day = "";
  return ticks.map((tick) => {
    const at = new Date(tick * 1000);
    const date = at.toLocaleDateString(undefined, { day: "numeric", month: "short" });
    const shown = `${pad(at.getHours())}:${pad(at.getMinutes())}${date === day ? "" : `\n${date}`}`;
    day = date;
    return shown;
  });
}

function width(place) {
  return Math.max(280, place.clientWidth);
}

async function draw(place) {
  const answer = await fetch(place.dataset.chart);
  const { times, lines } = await answer.json();
  if (!answer.ok || times.length < 2) return place.remove(); // no line has one point
  const names = Object.keys(lines);
  const axis = { stroke: ink("--pico-muted-color"), grid: { stroke: ink("--rule") }, ticks: { stroke: ink("--rule") } };
  const plot = new uPlot({
    width: width(place),
    height: 280,
    series: [{ label: "by", value: (_, at) => at == null ? "" : new Date(at * 1000).toLocaleString() }, ...names.map((label, n) => ({
      label, stroke: ink(INK[n % INK.length]), width: 2, dash: DASHES[n % DASHES.length],
      points: { show: false },
      value: (_, value) => value == null ? "" : value.toLocaleString(),
    }))],
    axes: [{ ...axis, values: hours }, { ...axis, size: 70, values: (_, ticks) => ticks.map((n) => n.toLocaleString()) }],
  }, [times.map((at) => Date.parse(at) / 1000), ...Object.values(lines)], place);
  addEventListener("resize", () => plot.setSize({ width: width(place), height: 280 }));
}

for (const place of document.querySelectorAll("[data-chart]")) draw(place);
for (const each of document.querySelectorAll("[data-print]")) {
  each.hidden = false;
  each.addEventListener("click", () => print());
}
