// A candle drawn from its design: the shape gives the body, the size its height, the
// scent its colour and an ornament. Names that are not known here get a plain pillar.

import { svg } from "./dom.js";

const SIZES = { small: 0.72, medium: 0.88, large: 1.04 };

// wax, shade, ornament
const SCENTS = {
  none: ["#f6ecd6", "#dcc9a3", null],
  vanilla: ["#f7dfa5", "#d8b368", "blossom"],
  lavender: ["#c9b6e4", "#8f76ba", "sprig"],
  cedar: ["#b98e63", "#82593a", "rings"],
  honey: ["#f0b13c", "#bb7a14", "combs"],
  orange: ["#f58f45", "#c25d1a", "slice"],
};
const OTHERS = ["#d98c8c", "#8fb8a0", "#8aa9c9", "#c9a0b8"];

// Each shape: where the wick stands (x, y) and how its body is drawn, around the foot
// at (0, 0), upwards.
const SHAPES = {
  pillar: { width: 62, height: 128 },
  taper: { width: 24, height: 158, holder: "stick" },
  votive: { width: 56, height: 78, flare: 8 },
  jar: { width: 92, height: 104, holder: "glass" },
  tealight: { width: 66, height: 30, holder: "cup" },
};

export function candle(catalogue, design, { label = true, lit = true } = {}) {
  const shape = catalogue.shapes[design.shape];
  const size = catalogue.sizes[design.size];
  const scent = catalogue.scents[design.scent];
  const form = SHAPES[shape] ?? SHAPES.pillar;
  const scale = SIZES[size] ?? 0.6 + 0.1 * design.size;
  const colours = SCENTS[scent] ?? [OTHERS[design.scent % OTHERS.length], "#7a6a5a", null];
  const name = nameOf(catalogue, design);
  const picture = svg("svg", {
    viewBox: lit ? "0 0 200 220" : "24 36 152 182",
    class: "candle",
    role: label ? "img" : null,
    "aria-label": label ? name : null,
    "aria-hidden": label ? null : "true",
    focusable: "false",
  });
  const standing = svg("g", { transform: `translate(100 204) scale(${scale})` });
  standing.append(...body(form, colours));
  if (lit) standing.append(flame(form));
  picture.append(
    svg("ellipse", { cx: 100, cy: 206, rx: 74, ry: 8, class: "ground" }),
    standing,
  );
  return picture;
}

export function nameOf(catalogue, design) {
  const parts = [
    catalogue.sizes[design.size],
    catalogue.shapes[design.shape],
    catalogue.scents[design.scent] === "none"
      ? "without scent"
      : `with ${catalogue.scents[design.scent]}`,
  ];
  return parts.join(" ");
}

function body(form, [wax, shade, ornament]) {
  const { width, height, holder, flare = 0 } = form;
  const half = width / 2;
  const parts = [];
  if (holder === "stick") parts.push(...stick());
  const foot = holder === "stick" ? -16 : holder ? -5 : 0;
  const inset = holder ? 5 : 0;
  const top = -height;
  const left = -half + inset + flare / 2;
  const path = [
    `M ${-half + inset - flare / 2 + flare} ${foot}`,
    `L ${-half + inset} ${top}`,
    `Q 0 ${top - 9} ${half - inset} ${top}`,
    `L ${half - inset - flare / 2} ${foot}`,
    `Q 0 ${foot + 7} ${left} ${foot}`,
    "Z",
  ].join(" ");
  parts.push(svg("path", { d: path, fill: wax, stroke: shade, "stroke-width": 2 }));
  const rim = { cx: 0, cy: top, rx: half - inset, ry: Math.min(6, half / 4), fill: shade };
  parts.push(svg("ellipse", { ...rim, opacity: 0.55 }));
  const gloss = {
    x: left + (half - inset) * 0.3,
    y: top + 10,
    width: Math.max(3, width / 12),
  };
  const glossHeight = Math.max(6, height - 24 + foot);
  parts.push(
    svg("rect", { ...gloss, height: glossHeight, rx: 3, fill: "#fff", opacity: 0.35 }),
  );
  if (ornament && height > 60)
    parts.push(...ORNAMENTS[ornament](shade, -height * 0.46, half));
  if (holder === "glass") parts.push(...glass(half, height));
  if (holder === "cup") parts.push(cup(half));
  return parts;
}

const stick = () => [
  svg("path", { d: "M -34 0 Q 0 10 34 0 L 26 -8 Q 0 -2 -26 -8 Z", class: "brass" }),
  svg("path", { d: "M -15 -26 L 15 -26 L 10 -6 L -10 -6 Z", class: "brass" }),
];

function glass(half, height) {
  const side = { x: -half, y: -height - 18, width: half * 2, height: height + 18, rx: 12 };
  return [
    svg("rect", { ...side, class: "glass" }),
    svg("rect", {
      x: -half - 2,
      y: -height - 22,
      width: half * 2 + 4,
      height: 8,
      rx: 4,
      class: "glass",
    }),
  ];
}

const cup = (half) =>
  svg("path", {
    d: `M ${-half} -24 L ${half} -24 L ${half - 5} 0 Q 0 6 ${-half + 5} 0 Z`,
    class: "metal",
  });

const ORNAMENTS = {
  blossom: (colour, y) =>
    [0, 72, 144, 216, 288].map((turn) =>
      svg("ellipse", {
        cx: 0,
        cy: y - 9,
        rx: 5,
        ry: 9,
        fill: "#fffaf0",
        stroke: colour,
        transform: `rotate(${turn} 0 ${y})`,
      }),
    ),
  sprig: (colour, y) => [
    svg("path", { d: `M 0 ${y + 22} L 0 ${y - 20}`, stroke: "#5c7a4f", "stroke-width": 2 }),
    ...[-18, -10, -2, 6].flatMap((at) => [
      svg("ellipse", { cx: -4, cy: y + at, rx: 4, ry: 3, fill: colour }),
      svg("ellipse", { cx: 4, cy: y + at - 3, rx: 4, ry: 3, fill: colour }),
    ]),
  ],
  rings: (colour, y, half) =>
    [-14, 0, 14].map((at) =>
      svg("path", {
        d: `M ${-half + 10} ${y + at} Q 0 ${y + at + 8} ${half - 10} ${y + at}`,
        stroke: colour,
        fill: "none",
        "stroke-width": 2,
      }),
    ),
  combs: (colour, y) =>
    [
      [0, -12],
      [-10, 5],
      [10, 5],
    ].map(([x, at]) =>
      svg("polygon", {
        points: [
          [0, -9],
          [8, -4],
          [8, 5],
          [0, 9],
          [-8, 5],
          [-8, -4],
        ]
          .map(([dx, dy]) => `${x + dx},${y + at + dy}`)
          .join(" "),
        fill: "none",
        stroke: colour,
        "stroke-width": 2,
      }),
    ),
  slice: (colour, y) => [
    svg("circle", {
      cx: 0,
      cy: y,
      r: 14,
      fill: "#ffd9a8",
      stroke: colour,
      "stroke-width": 3,
    }),
    ...[0, 60, 120].map((turn) =>
      svg("path", {
        d: `M -11 ${y} L 11 ${y}`,
        stroke: colour,
        "stroke-width": 1.5,
        transform: `rotate(${turn} 0 ${y})`,
      }),
    ),
  ],
};

function flame({ height }) {
  const top = -height - 3;
  return svg(
    "g",
    { class: "flame" },
    svg("path", { d: `M 0 ${top} L 0 ${top - 9}`, stroke: "#4a3728", "stroke-width": 2.5 }),
    svg("circle", { cx: 0, cy: top - 18, r: 22, class: "glow" }),
    svg("path", {
      d: `M 0 ${top - 34} Q 10 ${top - 17} 5 ${top - 9} Q 0 ${top - 4} -5 ${top - 9} Q -10 ${top - 17} 0 ${top - 34} Z`,
      fill: "#f7a823",
    }),
    svg("path", {
      d: `M 0 ${top - 24} Q 5 ${top - 14} 0 ${top - 8} Q -5 ${top - 14} 0 ${top - 24} Z`,
      fill: "#fff3c4",
    }),
  );
}
