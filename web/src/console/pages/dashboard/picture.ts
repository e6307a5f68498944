/** All charts of the page as one picture, drawn from what is on screen, in the colours of the look. */

const WIDTH = 1440;
const SCALE = 2;
const MARGIN = 32;
const HEAD = 56;
const TITLE = 52;
const COLUMNS = 2;
// What an SVG needs to look alike outside its page, where no style sheet and no variable reaches it.
const COPIED = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "opacity",
  "font-size", "font-family", "font-weight", "text-anchor",
];

interface Chart {
  title: string;
  legend: { label: string; color: string }[];
  image: HTMLImageElement | null;
  width: number;
  height: number;
}

/** A PNG of the charts below `root`, under a caption. Raises Error if the browser cannot draw it. */
export async function drawPicture(root: HTMLElement, caption: string): Promise<Blob> {
  const found = [...root.querySelectorAll<HTMLElement>("[data-chart]")];
  const charts = await Promise.all(found.map(readChart));
  const cell = (WIDTH - MARGIN * (COLUMNS + 1)) / COLUMNS;
  const plot = Math.max(...charts.map(({ width, height }) => (height * cell) / width), 0);
  const rows = Math.ceil(charts.length / COLUMNS);
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH * SCALE;
  canvas.height = (MARGIN + HEAD + rows * (TITLE + plot + MARGIN)) * SCALE;
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("This browser has no canvas.");
  const look = getComputedStyle(root);
  pen.scale(SCALE, SCALE);
  pen.fillStyle = getComputedStyle(document.body).backgroundColor;
  pen.fillRect(0, 0, WIDTH, canvas.height);
  write(pen, `Nightdesk · ${caption}`, MARGIN, MARGIN + 18, `600 20px ${look.fontFamily}`, look.color);
  charts.forEach((chart, place) => {
    const x = MARGIN + (place % COLUMNS) * (cell + MARGIN);
    const y = MARGIN + HEAD + Math.floor(place / COLUMNS) * (TITLE + plot + MARGIN);
    drawChart(pen, chart, { x, y, width: cell }, look);
  });
  return toBlob(canvas);
}

function drawChart(
  pen: CanvasRenderingContext2D,
  { title, legend, image, width, height }: Chart,
  at: { x: number; y: number; width: number },
  look: CSSStyleDeclaration,
): void {
  write(pen, title, at.x, at.y + 14, `600 15px ${look.fontFamily}`, look.color);
  let x = at.x;
  for (const { label, color } of legend) {
    pen.fillStyle = color;
    pen.fillRect(x, at.y + 26, 10, 10);
    x += 16 + write(pen, label, x + 16, at.y + 36, `13px ${look.fontFamily}`, look.color) + 20;
  }
  if (image) pen.drawImage(image, at.x, at.y + TITLE, at.width, (height * at.width) / width);
  else write(pen, "Nothing to draw.", at.x, at.y + TITLE + 40, `13px ${look.fontFamily}`, look.color);
}

/** Returns how wide the text is. */
function write(pen: CanvasRenderingContext2D, text: string, x: number, y: number, font: string, color: string): number {
  pen.font = font;
  pen.fillStyle = color;
  pen.fillText(text, x, y);
  return pen.measureText(text).width;
}

async function readChart(figure: HTMLElement): Promise<Chart> {
  const svg = figure.querySelector<SVGSVGElement>("svg.recharts-surface");
  const box = svg?.getBoundingClientRect();
  const legend = [...figure.querySelectorAll<HTMLElement>("[data-legend]")].map((item) => {
    const swatch = item.querySelector("[data-swatch]") ?? item;
    return { label: item.textContent, color: getComputedStyle(swatch).backgroundColor };
  });
  const title = figure.dataset["chart"] ?? "";
  const image = svg && box ? await loadImage(freeze(svg, box)) : null;
  return { title, legend, image, width: box?.width ?? 1, height: box?.height ?? 0 };
}

/** A copy of a drawing that needs neither style sheets nor variables. */
function freeze(svg: SVGSVGElement, box: DOMRect): string {
  const copy = document.importNode(svg, true);
  copy.setAttribute("width", String(box.width * SCALE));
  copy.setAttribute("height", String(box.height * SCALE));
  const originals = [...svg.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((part, place) => {
    const original = originals[place];
    if (original) copyLook(getComputedStyle(original), part);
  });
  return new XMLSerializer().serializeToString(copy);
}

function copyLook(look: CSSStyleDeclaration, part: Element): void {
  for (const name of COPIED) part.setAttribute(name, look.getPropertyValue(name));
  part.removeAttribute("style");
  part.removeAttribute("class");
}

async function loadImage(svg: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  return image;
}

function toBlob(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is too large."))), "image/png"),
  );
}
