/** Fails when a page's first load is larger, compressed, than we promised. Reads what `vite build` wrote. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const DIST = "dist";
const KB = 1000;
const BUDGETS = [
  { name: "form and ticket page, JavaScript", pages: ["index.html", "ticket.html"], kinds: [".js"], limit: 60 * KB },
  { name: "console, first load", pages: ["console.html"], kinds: [".js", ".css"], limit: 300 * KB },
];

/** Every file that a page loads before it shows anything: what it names, and what those scripts import. */
function listFirstLoad(page) {
  const found = new Set();
  const waiting = findReferences(readFileSync(join(DIST, page), "utf8"), /(?:src|href)="\/(assets\/[^"]+)"/g, "");
  for (const file of waiting) {
    if (found.has(file) || !existsSync(join(DIST, file))) continue;
    found.add(file);
    if (file.endsWith(".js")) {
      waiting.push(...findReferences(readFileSync(join(DIST, file), "utf8"), /(?:from|import)\s*"\.\/([^"]+)"/g, "assets/"));
    }
  }
  return found;
}

function findReferences(text, pattern, folder) {
  return [...text.matchAll(pattern)].map(([, name]) => folder + name);
}

function weigh(files) {
  return [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(DIST, file)), { level: 9 }).length, 0);
}

for (const { name, pages, kinds, limit } of BUDGETS) {
  const files = new Set(pages.flatMap((page) => [...listFirstLoad(page)]));
  const bytes = weigh([...files].filter((file) => kinds.some((kind) => file.endsWith(kind))));
  console.log(`${name}: ${(bytes / KB).toFixed(1)} of ${limit / KB} kB gzipped`);
  if (bytes === 0) throw new Error(`Nothing was weighed for ${name}: the build looks different now.`);
  if (bytes > limit) process.exitCode = 1;
}
