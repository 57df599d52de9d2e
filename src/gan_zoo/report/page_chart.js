// A chart over generator updates whose metric the reader chooses, and a table of its values.
"use strict";
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, attributes);
  made.append(...children);
  return made;
}

function format(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}

// Line and marker of a configuration, as in the figures.
function swatch(line) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-18 -6 36 12");
  const draw = (attributes) => {
    const path = document.createElementNS(svg.namespaceURI, "path");
    for (const [name, value] of Object.entries(attributes)) path.setAttribute(name, value);
    svg.append(path);
  };
  draw({ d: "M-18 0h36", stroke: line.color, "stroke-width": 2, "stroke-dasharray": dashes(line).join(" ") });
  draw({ d: REPORT.markers[line.marker], fill: line.color });
  return svg;
}

function dashes(line) {
  return line.dash === "--" ? [6, 4] : line.dash === ":" ? [2, 3] : [];
}

// Steps of all curves, and a column for each mean, highest and lowest value.
function columns(curves) {
  const steps = [...new Set(curves.flatMap((curve) => curve?.steps ?? []))].sort((a, b) => a - b);
  const column = (curve, name) => {
    const at = new Map(curve?.steps.map((step, i) => [step, (curve[name] ?? curve.mean)[i]]));
    return steps.map((step) => at.get(step) ?? null);
  };
  return [steps, ...curves.flatMap((c) => [column(c, "mean"), column(c, "high"), column(c, "low")])];
}

function drawMarkers(plot, series, lines) {
  if (series % 3 !== 1) return; // every third column is a mean
  const line = lines[(series - 1) / 3];
  const shape = new Path2D(REPORT.markers[line.marker]);
  const points = plot.data[0].map((step, i) => [step, plot.data[series][i]]).filter(([, v]) => v !== null);
  const every = Math.ceil(points.length / 20);
  plot.ctx.fillStyle = line.color;
  for (const [step, value] of points.filter((_, i) => i % every === 0)) {
    plot.ctx.save();
    plot.ctx.translate(plot.valToPos(step, "x", true), plot.valToPos(value, "y", true));
    plot.ctx.scale(devicePixelRatio, devicePixelRatio);
    plot.ctx.fill(shape);
    plot.ctx.restore();
  }
}

// 1, 2 and 5 times the powers of ten within a logarithmic axis.
function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    ticks.push(...[1, 2, 5].map((digit) => digit * 10 ** power));
  return ticks.filter((tick) => tick >= low && tick <= high);
}

function options(chart, log, width, onCursor) {
  const edge = { width: 0, points: { show: false }, spanGaps: true };
  const series = chart.lines.flatMap((line) => [
    { stroke: line.color, width: 2, dash: dashes(line), points: { show: false }, spanGaps: true },
    edge,
    edge,
  ]);
  const margin = (plot, low, high) =>
    log ? [low / 1.1, high * 1.1] : [low - 0.05 * (high - low), high + 0.05 * (high - low)];
  const logAxis = {
    splits: (plot, axis, low, high) => logTicks(low, high),
    filter: (plot, ticks) => ticks,
  };
  return {
    width,
    height: 320,
    legend: { show: false },
    cursor: { y: false, points: { show: false } },
    scales: { x: { time: false, range: (plot, low, high) => [0, high] }, y: { distr: log ? 3 : 1, range: margin } },
    axes: [
      { label: "generator updates", values: (plot, ticks) => ticks.map(format) },
      { size: 64, values: (plot, ticks) => ticks.map(format), ...(log && logAxis) },
    ],
    series: [{}, ...series],
    bands: chart.lines.map((line, i) => ({ series: [3 * i + 2, 3 * i + 3], fill: `${line.color}26` })),
    hooks: {
      drawSeries: [(plot, i) => drawMarkers(plot, i, chart.lines)],
      setCursor: [(plot) => onCursor(plot.cursor.idx)],
    },
  };
}

// Values at a step, or the last ones, best first.
function valueTable(chart, tag, step) {
  const at = (curve) => {
    const i = curve?.steps.indexOf(step) ?? -1;
    if (i < 0) return null;
    return { seeds: curve.seeds, mean: curve.mean[i], low: curve.low?.[i], high: curve.high?.[i] };
  };
  const last = (value) => ({ seeds: value.seeds, mean: value.mean[0], low: value.low?.[0], high: value.high?.[0] });
  const values = step === null ? tag.last.map(last) : tag.curves.map(at);
  const rows = chart.lines.map((line, i) => [line, values[i]]);
  const sign = tag.better === "lower" ? 1 : -1;
  const key = ([, value]) => (value?.mean == null ? Infinity : sign * value.mean);
  if (tag.better) rows.sort((a, b) => key(a) - key(b));
  const cell = (text) => element("td", {}, text);
  const head = ["configuration", "mean", "lowest", "highest", "seeds"];
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head.map((name) => element("th", {}, name)))),
    element("tbody", {}, ...rows.map(([line, value]) =>
      element("tr", {}, element("td", {}, swatch(line), line.label + (line.baseline ? " (baseline)" : "")),
        cell(format(value?.mean)), cell(format(value?.low)), cell(format(value?.high)), cell(value?.seeds ?? "–")))),
  );
}

function showChart(box, chart) {
  const select = element("select");
  for (const tag of chart.tags) select.append(element("option", {}, tag.tag));
  const log = element("input", { type: "checkbox", checked: true });
  const logLabel = element("label", {}, log, " logarithmic");
  const direction = element("span", { className: "soft" });
  const area = element("div");
  const when = element("p", { className: "soft" });
  const values = element("div", { className: "scroll" });
  box.replaceChildren(element("p", {}, element("label", {}, "Metric ", select), logLabel, direction), area, when, values);
  let plot = null;
  const show = () => {
    const tag = chart.tags[select.selectedIndex];
    const data = columns(tag.curves);
    const showValues = (i) => {
      const step = i == null ? null : data[0][i];
      when.textContent = step === null ? "Last values; those of a step appear under the pointer."
        : `Values at step ${step.toLocaleString("en-US")}.`;
      values.replaceChildren(valueTable(chart, tag, step));
    };
    plot?.destroy();
    plot = null;
    logLabel.hidden = !tag.log;
    direction.textContent = tag.better ? `${tag.better} is better` : "";
    showValues(null);
    if (data[0].length > 1) plot = new uPlot(options(chart, tag.log && log.checked, box.clientWidth, showValues), data, area);
  };
  select.addEventListener("change", show);
  log.addEventListener("change", show);
  new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: 320 })).observe(box);
  show();
}

document.querySelectorAll(".chart").forEach((box, i) => {
  if (REPORT.charts[i].tags.length) showChart(box, REPORT.charts[i]);
});
