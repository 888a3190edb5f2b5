import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The server embeds `dist`. Names carry a hash, so that they may be cached for ever; `index.html` and the service worker never are.
export default defineConfig({
  plugins: [react()],
  // Relative: Firedog may be served under a path by a proxy; `index.html` has a <base> that the server fills in.
  base: "./",
  build: {
    target: "es2022",
    manifest: true,
    modulePreload: { polyfill: false },
    // A stylesheet per lazy screen would flash; one file is 28 kB with brotli.
    cssCodeSplit: false,
    rollupOptions: {
      input: { app: "index.html", sw: "src/worker/sw.ts" },
      output: {
        entryFileNames: (chunk: { name: string }) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  server: { proxy: { "/api": process.env.FIREDOG_SERVER ?? "http://127.0.0.1:8700" } },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
} as Parameters<typeof defineConfig>[0]);
