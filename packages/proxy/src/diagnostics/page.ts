/**
 * A page that shows the diagnostics: one document without resources of others.
 *
 * Its policy allows this very script and style, by their digests, and questions to where it came
 * from; nothing else is loaded, framed or sent.
 */
import { createHash } from "node:crypto";
import { PAGE_SCRIPT } from "./page-script.js";

const STYLE = `:root { color-scheme: light dark; --dim: #5f6772; --bad: #b3261e; --good: #1a6b35; --line: #8884; }
@media (prefers-color-scheme: dark) { :root { --dim: #a5adb8; --bad: #ff8a80; --good: #7fd69a; } }
body { font: 14px/1.5 system-ui, sans-serif; margin: 1.5rem; max-width: 110rem; }
body.old section { opacity: 0.5; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 1.5rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 1rem 0 0; } p { margin: 0 0 0.4rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: 0; }
dt, .dim { color: var(--dim); } dd { margin: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.15rem 0.8rem 0.15rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.n { text-align: right; } th { font-weight: 600; }
.bad { color: var(--bad); } .good { color: var(--good); }
`;

/** The page's document. */
export const DIAGNOSTICS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FPZKProxy</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>FPZKProxy</h1>
<p id="when">asking …</p>
<section id="facts" aria-label="This proxy"></section>
<h2>Services</h2>
<section id="services" aria-label="Services"></section>
<h2>Routes in force</h2>
<section id="routes" aria-label="Routes"></section>
<h2>Recent failures</h2>
<section id="failures" aria-label="Failures"></section>
</main>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;

export const DIAGNOSTICS_PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "content-security-policy": [
    "default-src 'none'",
    `script-src ${digest(PAGE_SCRIPT)}`,
    `style-src ${digest(STYLE)}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
};

function digest(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
