import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

/** In development, answers the addresses of pages that read them themselves, as the real server does. */
const pageAddresses: Plugin = {
  name: "page-addresses",
  configureServer(server) {
    server.middlewares.use((request, _response, next) => {
      if (request.url?.startsWith("/ticket/")) request.url = "/ticket.html";
      if (/^\/desk($|[/?])/.test(request.url ?? "")) request.url = "/console.html";
      next();
    });
  },
};

/** What the development server passes on to the API; the documentation page tries out all of it. */
const API_PATHS = [
  "/admin", "/agents", "/attachments", "/audit", "/auth", "/conversations", "/customers", "/events", "/feedback", "/health", "/keys",
  "/knowledge", "/metrics", "/openapi.json", "/settings", "/support", "/test/queue", "/tickets", "/users",
];

export default defineConfig({
  plugins: [react(), pageAddresses],
  build: {
    // Inlined images would be data: addresses; files keep the pages cacheable and the policy narrow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { form: "index.html", ticket: "ticket.html", docs: "docs.html", console: "console.html" } },
    // Swagger UI is one file of 1.5 MB; only the documentation page loads it.
    chunkSizeWarningLimit: 2000,
  },
  server: { proxy: Object.fromEntries(API_PATHS.map((path) => [path, "http://127.0.0.1:8000"])) },
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"] },
});
