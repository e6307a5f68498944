import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

/** In development, answers /ticket/{ref} with the ticket page, as the real server does. */
const ticketAddress: Plugin = {
  name: "ticket-address",
  configureServer(server) {
    server.middlewares.use((request, _response, next) => {
      if (request.url?.startsWith("/ticket/")) request.url = "/ticket.html";
      next();
    });
  },
};

/** What the development server passes on to the API; the documentation page tries out all of it. */
const API_PATHS = ["/support", "/openapi.json", "/health", "/conversations", "/customers", "/test/queue"];

export default defineConfig({
  plugins: [ticketAddress],
  build: {
    // Inlined images would be data: addresses; files keep the pages cacheable and the policy narrow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { form: "index.html", ticket: "ticket.html", docs: "docs.html" } },
    // Swagger UI is one file of 1.5 MB; only the documentation page loads it.
    chunkSizeWarningLimit: 2000,
  },
  server: { proxy: Object.fromEntries(API_PATHS.map((path) => [path, "http://127.0.0.1:8000"])) },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});
